"""The real SDK against a real server: how each answer, and each way of not answering, is named."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.core.table import Outcome
from guard.errors import UnsafeId
from guard.zep.calls import OutgoingMessage, ZepFailure
from guard.zep.sdk import SdkZep

THREAD, USER = "t1", "u1"
MESSAGE = OutgoingMessage(outbox_id="o-1", role="user", content="I like tea", created_at="2026-01-02T03:04:05Z")


@pytest.fixture
def connect(fakezep: Any) -> Iterator[Callable[..., SdkZep]]:
    made: list[SdkZep] = []

    def make(url: str = "", *, timeout_s: float = 5.0, **options: Any) -> SdkZep:
        made.append(SdkZep(base_url=url or fakezep.url, api_key=fakezep.api_key, timeout_s=timeout_s, **options))
        return made[-1]

    yield make
    for zep in made:
        zep.close()


@pytest.fixture
def zep(connect: Callable[..., SdkZep], fakezep: Any) -> SdkZep:
    """A way to a Zep that has one thread with one message; its journal is empty."""
    zep = connect()
    zep.ensure_user(USER)
    zep.ensure_thread(THREAD, USER)
    zep.add_messages(THREAD, [MESSAGE])
    fakezep.call("DELETE", "/journal")
    return zep


def failure_of(action: Callable[[], Any]) -> ZepFailure:
    with pytest.raises(ZepFailure) as failed:
        action()
    return failed.value


def test_a_read_gives_the_context_block(zep: SdkZep) -> None:
    answer = zep.read_context(THREAD)
    assert answer.found
    assert "I like tea" in answer.text


def test_a_thread_that_zep_does_not_know_is_an_answer(zep: SdkZep) -> None:
    answer = zep.read_context("nobody")
    assert (answer.text, answer.found) == ("", False)
    assert zep.newest_messages("nobody", 10) == []


def test_an_empty_context_is_an_answer(zep: SdkZep, fakezep: Any) -> None:
    fakezep.fault("empty_context")
    assert (zep.read_context(THREAD).text, zep.read_context(THREAD).found) == ("", True)


@pytest.mark.parametrize(
    ("status", "outcome", "ambiguous"),
    [
        (400, "refused", False),
        (401, "auth", False),
        (403, "auth", False),
        (404, "not_found", False),
        (408, "timeout", True),
        (409, "refused", False),
        (413, "refused", False),
        (422, "refused", False),
        (429, "rate_limited", False),
        (500, "server_error", True),
        (502, "server_error", True),
        (503, "server_error", True),
        (504, "server_error", True),
    ],
)
def test_each_status_is_one_outcome_of_one_request(
    zep: SdkZep, fakezep: Any, status: int, outcome: str, ambiguous: bool
) -> None:
    """The SDK's retries are off: Zep sees exactly one request a call, whatever it answers."""
    fakezep.fault("status", status=status)
    failure = failure_of(lambda: zep.add_messages(THREAD, [MESSAGE]))
    assert (failure.outcome, failure.status, failure.ambiguous) == (outcome, status, ambiguous)
    assert len(fakezep.journal()) == 1
    if status != 404:
        assert failure_of(lambda: zep.read_context(THREAD)).outcome == outcome
        assert len(fakezep.journal()) == 2


def test_a_wrong_key_is_auth(connect: Callable[..., SdkZep], fakezep: Any, zep: SdkZep) -> None:
    fakezep.keys("another")
    for action in (lambda: zep.read_context(THREAD), lambda: zep.add_messages(THREAD, [MESSAGE])):
        assert failure_of(action).outcome is Outcome.AUTH
    assert fakezep.api_key not in str(failure_of(lambda: zep.read_context(THREAD)))


@pytest.mark.parametrize("kind", ["lose_answer", "refuse_before_write", "half_body"])
def test_a_connection_that_closes_leaves_the_fate_of_a_write_unknown(zep: SdkZep, fakezep: Any, kind: str) -> None:
    fakezep.fault(kind)
    failure = failure_of(lambda: zep.add_messages(THREAD, [MESSAGE]))
    assert (failure.outcome, failure.ambiguous) == (Outcome.CONNECTION, True)
    assert failure_of(lambda: zep.read_context(THREAD)).outcome is Outcome.CONNECTION
    assert len(fakezep.journal()) == 2


def test_a_refused_connection_never_wrote_anything(connect: Callable[..., SdkZep]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets the port
        failure = failure_of(lambda: connect(f"http://127.0.0.1:{unused.getsockname()[1]}").read_context(THREAD))
    assert (failure.outcome, failure.ambiguous) == (Outcome.CONNECTION, False)


def test_a_server_that_never_answers_is_a_timeout_at_the_deadline(connect: Callable[..., SdkZep]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        zep = connect(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.2)
        started = time.monotonic()
        failure = failure_of(lambda: zep.add_messages(THREAD, [MESSAGE]))
        assert time.monotonic() - started > 0.15
    assert (failure.outcome, failure.ambiguous) == (Outcome.TIMEOUT, True)


def test_a_drip_is_cut_at_the_total_deadline(connect: Callable[..., SdkZep], fakezep: Any, zep: SdkZep) -> None:
    """Each byte comes well within httpx's own timeout; the whole would take minutes."""
    fakezep.fault("drip", interval_s=0.1)
    slow = connect(timeout_s=0.4)
    started = time.monotonic()
    failure = failure_of(lambda: slow.read_context(THREAD))
    assert failure.outcome is Outcome.TIMEOUT  # an answer that arrived whole would be one
    assert time.monotonic() - started > 0.3


def test_what_one_wait_used_up_is_gone_for_the_next(connect: Callable[..., SdkZep]) -> None:
    """An answer in pieces, each soon enough for httpx: the deadline is the call's, not each wait's."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer_by_half() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{")
                for _ in range(39):
                    if done.wait(0.7):
                        return
                    with contextlib.suppress(OSError):
                        connection.sendall(b" ")
                whole.set()

        done, whole = threading.Event(), threading.Event()
        thread = threading.Thread(target=answer_by_half)
        thread.start()
        zep = connect(f"http://127.0.0.1:{server.getsockname()[1]}", timeout_s=1.0)
        failure = failure_of(lambda: zep.read_context(THREAD))
        in_time = not whole.is_set()
        done.set()
        thread.join()
    assert failure.outcome is Outcome.TIMEOUT
    assert in_time


def test_after_a_cut_the_next_call_works(connect: Callable[..., SdkZep], fakezep: Any, zep: SdkZep) -> None:
    """No connection with half an answer in it is used again."""
    fakezep.fault("drip", interval_s=0.1, count=1)
    slow = connect(timeout_s=1.0)
    failure_of(lambda: slow.read_context(THREAD))
    assert "tea" in slow.read_context(THREAD).text


def test_the_deadline_of_one_call_is_not_the_next_ones(connect: Callable[..., SdkZep], zep: SdkZep) -> None:
    quick = connect(timeout_s=0.5)
    ends = time.monotonic() + 0.7
    while time.monotonic() < ends:
        assert quick.read_context(THREAD).found


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<html>hello</html>", "text/html"),
        ("", "application/json"),
        ("null", "application/json"),
        ('{"context": 5}', "application/json"),
        ('{"context": {"a": 1}}', "application/json"),
        ("[1, 2]", "application/json"),
        ('"text"', "application/json"),
        ("{", "application/json"),
    ],
)
def test_a_200_of_the_wrong_shape_is_named_so(zep: SdkZep, fakezep: Any, body: str, content_type: str) -> None:
    fakezep.fault("status", status=200, body=body, content_type=content_type)
    failure = failure_of(lambda: zep.read_context(THREAD))
    assert (failure.outcome, failure.ambiguous) == (Outcome.WRONG_SHAPE, True)


@pytest.mark.parametrize("body", ["null", "[]", '{"messages": 5}', '{"messages": [5]}', '{"messages": [{"uuid": 5}]}'])
def test_a_look_up_of_the_wrong_shape_is_a_failure(zep: SdkZep, fakezep: Any, body: str) -> None:
    """Taken for an empty thread it would send a message twice."""
    fakezep.fault("status", status=200, body=body, content_type="application/json")
    assert failure_of(lambda: zep.newest_messages(THREAD, 5)).outcome is Outcome.WRONG_SHAPE


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_is_of_the_wrong_shape(zep: SdkZep, fakezep: Any, status: int) -> None:
    fakezep.fault("status", status=status)
    failure = failure_of(lambda: zep.add_messages(THREAD, [MESSAGE]))
    assert (failure.outcome, failure.status, failure.ambiguous) == (Outcome.WRONG_SHAPE, status, True)


# -- Retry-After -----------------------------------------------------------------------------------------------------

NOW = 1_767_225_600.0


def asked_to_wait(connect: Callable[..., SdkZep], headers: dict[str, str]) -> float:
    transport = httpx.MockTransport(lambda _: httpx.Response(429, headers=headers, json={"message": "slow down"}))
    zep = connect("http://zep", transport=transport, clock=lambda: NOW)
    return failure_of(lambda: zep.read_context(THREAD)).retry_after_s


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine that is not on GMT."""
    monkeypatch.setenv("TZ", "EAST-3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        (" 2.5 ", 2.5),
        ("999999", 3600),
        (format_datetime(datetime.fromtimestamp(NOW + 90, UTC), usegmt=True), 90),
        (format_datetime(datetime.fromtimestamp(NOW - 90, UTC), usegmt=True), 0),
        ("Thu, 01 Jan 2026 00:01:30", 90),
        ("Thu, 01 Jan 2026 00:01:30 -0000", 90),
        (None, 60),
        ("", 60),
        ("soon", 60),
        ("-5", 60),
    ],
)
def test_a_429_says_how_long_to_wait(
    connect: Callable[..., SdkZep], elsewhere: None, text: str | None, seconds: float
) -> None:
    """In seconds or as a date (in GMT, as HTTP has them); a minute if it says nothing sensible; an hour at most."""
    headers = {} if text is None else {"Retry-After": text}
    assert asked_to_wait(connect, headers) == pytest.approx(seconds)


def test_a_429_of_the_fake_says_how_long_to_wait(zep: SdkZep, fakezep: Any) -> None:
    fakezep.fault("status", status=429, retry_after_s=11)
    assert failure_of(lambda: zep.read_context(THREAD)).retry_after_s == 11


@given(text=st.one_of(st.text(st.characters(min_codepoint=32, max_codepoint=255)), st.from_regex(r"[0-9A-Za-z,: +-]*")))
def test_whatever_a_429_says_the_wait_has_bounds(text: str) -> None:
    transport = httpx.MockTransport(
        lambda _: httpx.Response(429, headers=[(b"retry-after", text.encode("latin-1", "replace"))])
    )
    zep = SdkZep(base_url="http://zep", api_key="k", timeout_s=5, transport=transport)
    assert 0 <= failure_of(lambda: zep.read_context(THREAD)).retry_after_s <= 3600
    zep.close()


# -- ids, keys, addresses --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("thread_id", ["user@example.com", "a:b", "a b", "ü"])
def test_ids_reach_zep_unchanged(connect: Callable[..., SdkZep], fakezep: Any, thread_id: str) -> None:
    zep = connect()
    zep.ensure_user(thread_id)
    assert zep.ensure_thread(thread_id, thread_id) is True
    zep.add_messages(thread_id, [MESSAGE])
    assert "tea" in zep.read_context(thread_id).text
    assert [message.outbox_id for message in zep.newest_messages(thread_id, 5)] == ["o-1"]
    store = fakezep.call("GET", "/store")
    assert [user["user_id"] for user in store["users"]] == [thread_id]
    assert list(store["messages"]) == [thread_id]


@pytest.mark.parametrize("thread_id", ["a/b", "..", "a?b", "a#b"])
def test_ids_that_would_ask_for_another_path_never_leave(zep: SdkZep, fakezep: Any, thread_id: str) -> None:
    for action in (
        lambda: zep.read_context(thread_id),
        lambda: zep.add_messages(thread_id, [MESSAGE]),
        lambda: zep.newest_messages(thread_id, 5),
        lambda: zep.ensure_user(thread_id),
        lambda: zep.ensure_thread(thread_id, USER),
        lambda: zep.ensure_thread(THREAD, thread_id),
    ):
        with pytest.raises(UnsafeId):
            action()
    assert fakezep.journal() == []


@pytest.mark.parametrize("duplicate", [400, 409])
def test_what_already_exists_is_success(connect: Callable[..., SdkZep], duplicate: int) -> None:
    from fakezep import Settings
    from fakezep.testing import running_fakezep

    with running_fakezep(Settings(duplicate_status=duplicate)) as server:
        zep = SdkZep(base_url=server.url, api_key=server.api_key, timeout_s=5)
        for _ in range(2):
            zep.ensure_user(USER)
            assert zep.ensure_thread(THREAD, USER) is True
        zep.close()


def test_a_thread_for_an_unknown_user_is_no_failure(connect: Callable[..., SdkZep]) -> None:
    assert connect().ensure_thread(THREAD, "nobody") is False


def test_another_400_is_no_success(zep: SdkZep, fakezep: Any) -> None:
    fakezep.fault("status", status=400, body={"message": "name too long"})
    assert failure_of(lambda: zep.ensure_thread("t2", USER)).outcome is Outcome.REFUSED
    assert failure_of(lambda: zep.ensure_user("u2")).outcome is Outcome.REFUSED


def test_messages_keep_their_order_roles_dates_and_outbox_ids(zep: SdkZep, fakezep: Any) -> None:
    sent = [
        OutgoingMessage(outbox_id=f"o{n}", role=role, content=f"m{n}", created_at="2026-01-02T03:04:05.5Z")
        for n, role in enumerate(["user", "assistant", "user"])
    ]
    zep.add_messages(THREAD, sent)
    stored = fakezep.stored(THREAD)[1:]
    assert [(m["content"], m["role"], m["metadata"]) for m in stored] == [
        (f"m{n}", role, {"outbox_id": f"o{n}"}) for n, role in enumerate(["user", "assistant", "user"])
    ]
    assert stored[0]["created_at"].startswith("2026-01-02T03:04:05")
    assert [m.outbox_id for m in zep.newest_messages(THREAD, 2)] == ["o1", "o2"]


def test_zep_api_url_never_wins(connect: Callable[..., SdkZep], fakezep: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when it appears in the environment after the settings were read."""
    monkeypatch.setenv("ZEP_API_URL", "http://127.0.0.1:1")
    assert connect().read_context("t").found is False
    assert len(fakezep.journal("context")) == 1


def test_a_proxy_in_the_environment_is_not_asked(
    connect: Callable[..., SdkZep], fakezep: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert connect().read_context("t").found is False


def test_no_failure_ever_shows_the_key() -> None:
    """Not even one that the HTTP library quotes it in."""
    zep = SdkZep(base_url="http://zep", api_key="sec\nret", timeout_s=1)
    failure = failure_of(lambda: zep.read_context(THREAD))
    assert "sec" not in str(failure)
    zep.close()


def test_one_client_serves_many_threads(zep: SdkZep) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: zep.read_context(THREAD).found, range(64)))
    assert all(answers)
