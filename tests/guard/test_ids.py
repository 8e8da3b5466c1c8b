"""Ids: those that the SDK can carry in a path reach Zep unchanged, the others are refused."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.core.ids import ID_CHARACTERS_MAX, check_id
from guard.core.modes import Reason, check_ttl_s, parse_reason
from guard.errors import CallerError, HoldOutOfRange, UnknownReason, UnsafeId
from guard.zep.sdk import SdkZep


@pytest.mark.parametrize("value", ["user@example.com", "a:b", "a b", "ü", "x" * 200, "日本", "a.b", "-", "a+b&c=d"])
def test_ids_that_zep_takes_are_given_back_unchanged(value: str) -> None:
    assert check_id("thread", value) == value


@pytest.mark.parametrize(
    "value", ["a/b", "..", ".", "a/../b", "a?b", "a#b", "a%2fb", "a\\b", "a\nb", "a\x00b", "\ud800"]
)
def test_ids_that_would_ask_for_another_path_are_refused_by_name(value: str) -> None:
    with pytest.raises(UnsafeId, match=r"^thread id .* is refused: .*use another id$"):
        check_id("thread", value)


@pytest.mark.parametrize("value", [None, 5, b"x", ["x"], ("x",), True])
def test_an_id_that_is_no_text_is_refused_by_name_and_type(value: Any) -> None:
    with pytest.raises(
        UnsafeId, match=rf"thread id {re.escape(repr(value))} .*{type(value).__name__}; give it as a str"
    ):
        check_id("thread", value)


@pytest.mark.parametrize("value", ["", "x" * (ID_CHARACTERS_MAX + 1)])
def test_ids_too_short_or_too_long_are_refused_with_the_bounds(value: str) -> None:
    with pytest.raises(UnsafeId, match=f"user id of {len(value)} characters is refused: use 1 to 200"):
        check_id("user", value)


@given(value=st.text(min_size=1, max_size=30))
def test_every_id_that_is_taken_asks_zep_for_exactly_that_thread(value: str) -> None:
    """Checked where it counts: in the path that the real SDK sends."""
    try:
        check_id("thread", value)
    except UnsafeId:
        return
    asked: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path)
        return httpx.Response(200, json={"context": "c"})

    zep = SdkZep(base_url="http://zep", api_key="k", timeout_s=5, transport=httpx.MockTransport(answer))
    zep.read_context(value)
    zep.close()
    head, thread, tail = asked[0].decode("ascii").rsplit("/", 2)
    assert (head, tail) == ("/api/v2/threads", "context")
    assert unquote(thread) == value


def test_reasons_are_the_checklists_five_and_its_two_trends() -> None:
    assert [parse_reason(text) for text in Reason] == list(Reason)
    drills = ["auth", "consecutive_failures", "manual", "probe_failed", "rollback"]
    assert sorted(Reason) == sorted([*drills, "read_latency", "failure_rate"])
    with pytest.raises(UnknownReason, match="unknown reason 'sloth': use one of auth, consecutive_failures"):
        parse_reason("sloth")


@pytest.mark.parametrize("ttl_s", [0, 0.99, 86_401, float("nan"), float("inf")])
def test_a_hold_out_of_bounds_is_refused_with_the_bounds(ttl_s: float) -> None:
    with pytest.raises(HoldOutOfRange, match=r"is refused: choose 1 to 86400 s \(24 h\)"):
        check_ttl_s(ttl_s)


def test_callers_errors_are_value_errors() -> None:
    assert issubclass(CallerError, ValueError)
