"""Settings: what is refused at start, by name, value and remedy; and what base mode the flags make."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.core.modes import Mode
from guard.core.settings import VARIABLES, Settings, read_settings
from guard.errors import SettingsError

KEY = "z_secret-key-1f3a"
GOOD = {"FLAG_ZEP_WRITE": "true", "FLAG_ZEP_READ": "true", "ZEP_ENABLED": "true", "ZEP_API_KEY": KEY}


def test_without_any_variable_the_guard_is_off_and_has_the_checklists_numbers() -> None:
    settings = read_settings({})
    assert settings.base_mode is Mode.OFF
    assert settings.base_url == "https://api.getzep.com"
    assert (settings.timeout_ms, settings.timeout_s, settings.hold_s) == (1500, 1.5, 300)
    assert (settings.failure_threshold, settings.namespace, settings.redis_url) == (3, "zepguard", "")
    assert (settings.policy.hold_s, settings.policy.failure_threshold, settings.policy.breaker_threshold) == (300, 3, 3)


@pytest.mark.parametrize(
    ("enabled", "write", "read", "mode"),
    [
        ("false", "false", "false", "off"),
        ("false", "true", "false", "off"),
        ("false", "true", "true", "off"),
        ("true", "false", "false", "off"),
        ("true", "true", "false", "write_only"),
        ("true", "true", "true", "read_write"),
        ("false", "false", "true", None),
        ("true", "false", "true", None),
    ],
)
def test_base_mode_by_the_flags(enabled: str, write: str, read: str, mode: str | None) -> None:
    """Off unless enabled and writing; reads on top of writes make read_write; reads without writes are refused."""
    environ = {"ZEP_ENABLED": enabled, "FLAG_ZEP_WRITE": write, "FLAG_ZEP_READ": read, "ZEP_API_KEY": KEY}
    if mode is None:
        with pytest.raises(SettingsError, match=r"FLAG_ZEP_READ=.true. with FLAG_ZEP_WRITE=.false.: .*set FLAG"):
            read_settings(environ)
    else:
        assert read_settings(environ).base_mode == mode


@pytest.mark.parametrize("text", ["true", "TRUE", " True ", "1", "yes", "on"])
def test_ways_to_say_yes(text: str) -> None:
    assert read_settings({**GOOD, "FLAG_ZEP_READ": text}).flag_read is True


@pytest.mark.parametrize("text", ["false", "FALSE", "0", "no", "off", ""])
def test_ways_to_say_no(text: str) -> None:
    assert read_settings({**GOOD, "FLAG_ZEP_READ": text}).flag_read is False


@pytest.mark.parametrize("name", ["FLAG_ZEP_WRITE", "FLAG_ZEP_READ", "ZEP_ENABLED"])
@pytest.mark.parametrize("text", ["ture", "2", "y es", "none"])
def test_a_flag_that_is_no_boolean_is_refused(name: str, text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({**GOOD, name: text})
    assert str(refused.value) == f"{name}={text!r}: is no boolean; write true or false"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "zep",
        "api.getzep.com",
        "ftp://zep",
        "http://",
        "http://:8000",
        "http://zep:port",
        "http://[::1",
        "http://zep host",
        "http://ze\np",
        "http://zep?x=1",
        "http://zep#x",
        "https://zep/api/v2",
        "https://zep/api/v2/",
        "https://zep/api/v4",
    ],
)
def test_a_base_url_that_is_no_servers_root_is_refused(text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({**GOOD, "ZEP_BASE_URL": text})
    assert str(refused.value).startswith(f"ZEP_BASE_URL={text!r}: is ")
    assert any(remedy in str(refused.value) for remedy in ("write http", "leave out"))


@pytest.mark.parametrize(
    "text",
    [
        "http://ada:hunter2@zep",
        "http://hunter2@zep:8000",
        "http://ada:hunter2@",
        "http://ada:hunter2@zep:port",
        "http://ada:hunter2@[::1",
        "http://ada:hunt/hunter2@zep",
        "http://ada:hunter2%40zep",
        "ada:hunter2@zep",
        "http://@zep",
    ],
)
def test_a_base_url_with_a_user_or_a_password_is_refused_unseen(text: str) -> None:
    """Each log line about a call, and ``repr``, would show it."""
    with pytest.raises(SettingsError, match=r"ZEP_BASE_URL=\(hidden\): .*write http") as refused:
        read_settings({**GOOD, "ZEP_BASE_URL": text})
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("text", ["http://ada:hunter2@other", "ada:hunter2@other", "http://ada:hunter2@[::1"])
def test_a_refused_zep_api_url_never_shows_credentials(text: str) -> None:
    with pytest.raises(SettingsError, match=r"ZEP_API_URL=\(hidden\): the SDK .* unset ZEP_API_URL") as refused:
        read_settings({**GOOD, "ZEP_API_URL": text})
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("text", ["http://zep", "http://zep:8000", "https://zep/", "http://[::1]:80", "https://h/zep"])
def test_a_servers_root_is_taken_with_and_without_a_slash(text: str) -> None:
    assert read_settings({**GOOD, "ZEP_BASE_URL": text}).base_url == text.rstrip("/")


NUMBERS = [variable for variable in VARIABLES if variable.form in ("milliseconds", "seconds", "count")]


@pytest.mark.parametrize("variable", NUMBERS, ids=lambda variable: variable.name)
@pytest.mark.parametrize("text", ["", "soon", "nan", "inf", "-inf", "-1", "0", "1e9", "1,5", "15 00"])
def test_a_number_that_is_none_or_out_of_range_is_refused(variable: object, text: str) -> None:
    name = variable.name  # type: ignore[attr-defined]
    if (name, text) == ("ZEPGUARD_CACHE_FRESH_S", "0"):  # no cache
        assert read_settings({**GOOD, name: text}).cache_fresh_s == 0
        return
    with pytest.raises(SettingsError) as refused:
        read_settings({**GOOD, name: text})
    assert str(refused.value).startswith(f"{name}={text!r}: is ")
    assert "; write " in str(refused.value)


def test_a_count_is_a_whole_number() -> None:
    with pytest.raises(SettingsError, match=r"ZEPGUARD_FAILURE_THRESHOLD=.2\.5.: is no whole number"):
        read_settings({"ZEPGUARD_FAILURE_THRESHOLD": "2.5"})


@pytest.mark.parametrize("text", ["", " ", "two words", "half\udcff", "nul\0"])
def test_a_namespace_is_one_word(text: str) -> None:
    with pytest.raises(SettingsError, match="ZEPGUARD_NAMESPACE="):
        read_settings({"ZEPGUARD_NAMESPACE": text})


def test_a_log_files_name_holds_no_nul() -> None:
    with pytest.raises(SettingsError, match=r"ZEPGUARD_LOG_FILE=.*leave it out"):
        read_settings({"ZEPGUARD_LOG_FILE": "a\0b"})


@pytest.mark.parametrize("key", [None, "", "  "])
def test_a_missing_key_is_refused_while_enabled(key: str | None) -> None:
    environ = {name: value for name, value in {**GOOD, "ZEP_API_KEY": key}.items() if value is not None}
    with pytest.raises(SettingsError, match="ZEP_API_KEY is missing while ZEP_ENABLED is true: set the key"):
        read_settings(environ)
    assert read_settings({**environ, "ZEP_ENABLED": "false"}).base_mode is Mode.OFF


@pytest.mark.parametrize("key", ["abc\ndef", "schlüssel", "a b", "a\x00b", "a\r\nX-Evil: 1"])
def test_a_key_that_no_header_can_carry_is_refused_unseen(key: str) -> None:
    """It would fail each call, and the HTTP library's message would show it."""
    with pytest.raises(SettingsError, match=r"ZEP_API_KEY=\(hidden\): ") as refused:
        read_settings({**GOOD, "ZEP_API_KEY": key})
    assert key not in str(refused.value)


@pytest.mark.parametrize("base_url", [{}, {"ZEP_BASE_URL": "http://zep"}])
def test_zep_api_url_is_refused_since_the_sdk_lets_it_win(base_url: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"ZEP_API_URL='http://other': the SDK .* unset ZEP_API_URL"):
        read_settings({**GOOD, **base_url, "ZEP_API_URL": "http://other"})


def test_a_longest_backoff_below_the_first_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"ZEPGUARD_OUTBOX_BACKOFF_MAX_S=1 is below ZEPGUARD_OUTBOX_BACKOFF_S=2"):
        read_settings({"ZEPGUARD_OUTBOX_BACKOFF_S": "2", "ZEPGUARD_OUTBOX_BACKOFF_MAX_S": "1"})


@pytest.mark.parametrize("url", ["http://x", "redis", "redis://u:pa/ss@h:1", "redis://u:pa#ss", "x:hunter2@h"])
def test_a_store_url_that_cannot_be_read_is_refused_without_its_password(url: str) -> None:
    """It may hold one anywhere, so nothing of it is shown; and the remedy speaks of redis."""
    with pytest.raises(SettingsError, match=r"GUARD_REDIS_URL=\(hidden\): .*write redis://") as refused:
        read_settings({"GUARD_REDIS_URL": url})
    for secret in ("'pa'", "pa/ss", "pa#ss", "hunter2"):
        assert secret not in str(refused.value)


@pytest.mark.parametrize("url", ["", "redis://h", "rediss://u:p@h:6380/2", "unix:///run/valkey.sock"])
def test_store_urls_that_are_taken(url: str) -> None:
    assert read_settings({"GUARD_REDIS_URL": url}).redis_url == url


def test_neither_key_nor_store_password_is_ever_shown() -> None:
    settings = read_settings({**GOOD, "GUARD_REDIS_URL": "redis://u:hunter2@h"})
    for text in (repr(settings), str(settings), f"{settings}", repr([settings])):
        assert KEY not in text
        assert "hunter2" not in text
        assert "(hidden)" in text


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        read_settings({}).hold_s = 1.0  # type: ignore[misc]


def test_each_variable_says_what_it_is_for_and_has_a_default_that_is_good() -> None:
    """The table of the docs is made from them."""
    assert len({variable.name for variable in VARIABLES}) == len(VARIABLES)
    for variable in VARIABLES:
        assert variable.about.endswith(".")
        assert variable.field in Settings.__slots__
        variable.parse(variable, variable.default)


_NAMES = st.sampled_from([*(variable.name for variable in VARIABLES), "ZEP_API_URL"])
_VALUES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["true", "false", "1500", "nan", "1e400", "-0", "١٥", "1_0", "http://[", "http://h:99999", "://"]),
    st.from_regex(r"(https?|redis|unix)://[a-z:@\[\]/?#.0-9]{0,12}", fullmatch=True),
)


@given(environ=st.dictionaries(_NAMES, _VALUES, max_size=6))
def test_garbage_gives_valid_settings_or_a_settings_error(environ: dict[str, str]) -> None:
    """And never another exception, nor the key in the error."""
    key = "z_" + environ.get("ZEP_API_KEY", "") + "_key"
    try:
        settings = read_settings({**environ, "ZEP_API_KEY": key})
    except SettingsError as error:
        assert key not in str(error)  # noqa: PT017
        assert error.__cause__ is None  # noqa: PT017
    else:
        assert settings.base_mode in Mode
        assert settings.timeout_s > 0
        assert 1 <= settings.hold_s <= 86_400
        assert key not in repr(settings)
