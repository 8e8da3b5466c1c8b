"""Settings: refused by name at construction, read from text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.errors import SettingRefused, UnknownFault
from chaos.faults import FAULTS, fault_named
from chaos.faults.latency import Latency
from chaos.settings import settings_shown
from chaos.target import ChaosTarget

REFUSED = [
    ("latency", "latency_ms", "0"),
    ("latency", "latency_ms", "1.5"),
    ("latency", "latency_ms", "soon"),
    ("latency", "jitter_ms", "-1"),
    ("latency", "jitter_ms", "1001"),
    ("drip", "slice_bytes", "0"),
    ("drip", "every_ms", "0"),
    ("reset", "stream", "sideways"),
    ("reset", "after_ms", "-1"),
    ("half-answer", "answer_bytes", "0"),
    ("black-hole", "probe_wait_s", "nan"),
    ("refused", "probe_wait_s", "inf"),
    ("no-op", "probe_wait_s", "0"),
    ("http-429", "retry_after_s", "-1"),
    ("http-503", "count", "0"),
    ("http-401", "share", "0"),
    ("lost-answer", "share", "1.1"),
    ("lost-answer", "colour", "red"),
    ("late-write", "delay_s", "0"),
    ("late-answer", "delay_s", "-1"),
    ("late-answer", "count", "0"),
    ("message-refused", "status", "503"),
]


@pytest.mark.parametrize(("fault", "name", "text"), REFUSED)
def test_a_bad_setting_is_refused_by_name(fault: str, name: str, text: str) -> None:
    """The error names the setting and says what to give."""
    with pytest.raises(SettingRefused, match=name) as refused:
        fault_named(fault, {name: text})
    assert refused.value.name == name
    assert refused.value.remedy


def test_text_becomes_values() -> None:
    """What --set gives arrives as the setting's kind."""
    fault = fault_named("http-429", {"retry_after_s": "none", "count": "3", "routes": "context, warm"})
    assert settings_shown(fault) == {
        "count": 3,
        "share": 1.0,
        "routes": ("context", "warm"),
        "retry_after_s": None,
        "as_date": False,
    }


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_has_defaults_that_it_accepts_as_text(name: str) -> None:
    """What a listing shows can be typed back."""
    fault = fault_named(name)
    shown = {
        key: ",".join(value) if isinstance(value, tuple) else str(value) for key, value in settings_shown(fault).items()
    }
    assert fault_named(name, shown) == fault
    assert fault.name == name
    assert fault.says


def test_an_unknown_fault_is_refused_with_the_known_ones() -> None:
    """The error is the listing."""
    with pytest.raises(UnknownFault, match=r"no fault 'blackhole'.*black-hole"):
        fault_named("blackhole")


@given(latency_ms=st.integers(1, 600_000), jitter_ms=st.integers(-10, 700_000))
def test_latency_never_reaches_below_zero(latency_ms: int, jitter_ms: int) -> None:
    """Accepted if and only if the jitter is from 0 to the latency."""
    if 0 <= jitter_ms <= latency_ms:
        assert Latency(latency_ms=latency_ms, jitter_ms=jitter_ms).jitter_ms == jitter_ms
    else:
        with pytest.raises(SettingRefused, match="jitter_ms"):
            Latency(latency_ms=latency_ms, jitter_ms=jitter_ms)


@pytest.mark.parametrize("url", ["", "127.0.0.1:80", "https://zep:443", "http://zep", "http://zep:http"])
def test_a_target_is_plain_http_with_a_port(url: str) -> None:
    """Each address is checked by its name."""
    good = "http://127.0.0.1:1"
    with pytest.raises(SettingRefused, match="zep_via_proxy_url"):
        ChaosTarget(
            toxiproxy_url=good,
            zep_via_proxy_url=url,
            fakezep_admin_url=good,
            admin_key="a",
            zep_api_key="k",
        )


def test_keys_are_not_shown() -> None:
    """A target in a log gives no key away."""
    url = "http://127.0.0.1:1"
    target = ChaosTarget(
        toxiproxy_url=url,
        zep_via_proxy_url=url,
        fakezep_admin_url=url,
        admin_key="sesame",
        zep_api_key="swordfish",
    )
    assert "sesame" not in repr(target)
    assert "swordfish" not in repr(target)
