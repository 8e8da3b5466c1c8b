"""Each fault does what its name says: to the caller, to the store, and in the journal."""

import contextlib
import threading
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
from zep_cloud.client import Zep
from zep_cloud.core.api_error import ApiError
from zep_cloud.types import Message

from fakezep import Settings
from fakezep.testing import RunningFakeZep, running_fakezep

PATIENCE_TRIES = 500


def add(sdk: Zep, content: str = "new") -> Any:
    return sdk.thread.add_messages("ann-1", messages=[Message(role="user", content=content)])


def last_entry(admin: Any) -> Any:
    return admin.entries()[-1]


def until(condition: Callable[[], bool]) -> bool:
    """Ask again and again for a while; each round is a request, no sleep of a guessed length."""
    pause = threading.Event()
    return any(condition() or pause.wait(0.01) for _ in range(PATIENCE_TRIES))


@pytest.mark.parametrize(
    ("fault", "stored", "status"),
    [
        ({"kind": "status", "status": 503}, False, 503),
        ({"kind": "status", "status": 200, "body": {"message_uuids": ["x"]}}, False, 200),
        ({"kind": "refuse_before_write"}, False, None),
        ({"kind": "lose_answer"}, True, None),
        ({"kind": "answer_late", "delay_s": 0.01}, True, 200),
        ({"kind": "apply_late", "delay_s": 0.01}, True, 200),
        ({"kind": "drip", "interval_s": 0}, True, 200),
        ({"kind": "half_body"}, True, 200),
        ({"kind": "empty_context"}, True, 200),
    ],
)
def test_journal_and_store_agree_on_whether_a_write_was_done(
    admin: Any, sdk: Zep, thread: str, fault: Any, stored: bool, status: int | None
) -> None:
    admin.call("POST", "/faults", fault)
    with contextlib.suppress(ApiError, httpx.TransportError):
        add(sdk)
    entry = last_entry(admin)
    hit = None if fault["kind"] == "empty_context" else fault["kind"]
    assert (entry["route"], entry["applied"], entry["status"]) == ("add_messages", stored, status)
    assert entry["fault"] == hit
    assert ("new" in admin.contents()) is stored
    assert (entry["messages"][0]["uuid"] is not None) is stored


def test_a_late_answer_comes_after_the_write(admin: Any, impatient: Zep, thread: str) -> None:
    admin.fault("answer_late", delay_s=30, route="add_messages")
    with pytest.raises(httpx.ReadTimeout):
        add(impatient)
    assert "new" in admin.contents()
    assert last_entry(admin)["applied"]
    assert last_entry(admin)["duration_s"] == 30


def test_a_late_write_lands_though_its_client_has_gone(admin: Any, impatient: Zep, thread: str) -> None:
    admin.fault("apply_late", delay_s=0.3, route="add_messages")
    with pytest.raises(httpx.ReadTimeout):
        add(impatient)
    assert "new" not in admin.contents()
    assert not last_entry(admin)["applied"]
    assert until(lambda: "new" in admin.contents())
    assert last_entry(admin)["applied"]


def test_a_reset_forgets_late_writes(admin: Any, impatient: Zep, thread: str, sdk: Zep) -> None:
    admin.fault("apply_late", delay_s=0.2, route="add_messages")
    with pytest.raises(httpx.ReadTimeout):
        add(impatient)
    admin.call("POST", "/reset")
    sdk.user.add(user_id="ann")
    sdk.thread.create(thread_id=thread, user_id="ann")
    admin.fault("answer_late", delay_s=0.3, count=1, route="get_user")
    sdk.user.get("ann")
    assert sdk.thread.get(thread).total_count == 0


def test_a_dripping_answer_is_whole_in_the_end(admin: Any, sdk: Zep, thread: str) -> None:
    whole = sdk.thread.get_user_context(thread)
    admin.fault("drip", interval_s=0.0001)
    assert sdk.thread.get_user_context(thread) == whole


def test_a_drip_sends_its_headers_at_once(admin: Any, server: RunningFakeZep, thread: str) -> None:
    admin.fault("drip", interval_s=30)
    url = f"{server.api_url}/threads/{thread}/context"
    headers = {"Authorization": f"Api-Key {server.api_key}"}
    with httpx.stream("GET", url, headers=headers, timeout=60, trust_env=False) as response:
        assert response.status_code == 200
        assert int(response.headers["content-length"]) > 0
    admin.call("POST", "/reset")


def test_an_empty_context_touches_context_reads_only(admin: Any, sdk: Zep, thread: str) -> None:
    fault = admin.fault("empty_context")
    assert sdk.thread.get_user_context(thread).context == ""
    assert sdk.thread.get(thread).total_count == 1
    assert admin.call("GET", "/faults")["faults"][0]["hits"] == 1
    admin.call("DELETE", f"/faults/{fault['id']}")
    assert sdk.thread.get_user_context(thread).context


def test_a_fault_ends_after_its_count(admin: Any, sdk: Zep, thread: str) -> None:
    admin.fault("status", count=2)
    for left in (1, 0):
        with pytest.raises(ApiError):
            sdk.user.get("ann")
        shown = admin.call("GET", "/faults")["faults"]
        assert [fault["remaining"] for fault in shown] == ([left] if left else [])
    assert sdk.user.get("ann").user_id == "ann"


def test_a_fault_without_count_stays_until_it_is_removed(admin: Any, sdk: Zep, thread: str) -> None:
    fault = admin.fault("status", status=500)
    assert fault["remaining"] is None
    for _ in range(3):
        with pytest.raises(ApiError):
            sdk.user.get("ann")
    assert admin.call("DELETE", f"/faults/{fault['id']}")["removed"] is True
    assert admin.call("DELETE", f"/faults/{fault['id']}")["removed"] is False
    assert sdk.user.get("ann").user_id == "ann"


@pytest.mark.parametrize(
    "selector",
    [
        {"route": "get_user"},
        {"route": ["warm", "get_user"]},
        {"method": "GET", "user_id": "ann"},
        {"user_id": "ann"},
    ],
)
def test_a_fault_hits_what_its_selectors_name(admin: Any, sdk: Zep, thread: str, selector: Any) -> None:
    sdk.user.add(user_id="bob")
    admin.fault("status", **selector)
    with pytest.raises(ApiError):
        sdk.user.get("ann")


@pytest.mark.parametrize(
    "selector",
    [
        {"route": "context"},
        {"method": "POST"},
        {"user_id": "bob"},
        {"thread_id": "ann-2"},
        {"route": ["warm"]},
    ],
)
def test_a_fault_spares_what_its_selectors_do_not_name(admin: Any, sdk: Zep, thread: str, selector: Any) -> None:
    admin.fault("status", **selector)
    assert sdk.user.get("ann").user_id == "ann"


def test_a_fault_for_a_user_or_thread_hits_the_threads_requests(admin: Any, sdk: Zep, thread: str) -> None:
    for selector in ({"user_id": "ann"}, {"thread_id": thread}):
        admin.fault("status", count=1, **selector)
        with pytest.raises(ApiError):
            add(sdk)
    add(sdk)


def test_a_fault_for_what_a_message_says_spares_the_others(admin: Any, sdk: Zep, thread: str) -> None:
    admin.fault("status", status=400, content="bad word")
    add(sdk, "a good word")
    assert sdk.user.get("ann").user_id == "ann"
    with pytest.raises(ApiError):
        add(sdk, "a bad word")
    assert "a bad word" not in admin.contents()


def test_a_share_hits_a_part_of_the_requests(admin: Any, sdk: Zep, thread: str) -> None:
    admin.fault("status", share=0.5, route="get_user")
    hits = 0
    for _ in range(60):
        try:
            sdk.user.get("ann")
        except ApiError:
            hits += 1
    assert 10 < hits < 50


def test_a_status_fault_carries_its_retry_after(admin: Any, sdk: Zep) -> None:
    admin.fault("status", status=429, retry_after_s=7)
    with pytest.raises(ApiError) as error:
        sdk.user.get("ann")
    assert (error.value.headers or {})["retry-after"] == "7"


def test_a_retry_after_may_be_a_date(admin: Any, sdk: Zep) -> None:
    admin.fault("status", status=429, retry_after_s=600, retry_after_date=True)
    with pytest.raises(ApiError) as error:
        sdk.user.get("ann")
    date = parsedate_to_datetime((error.value.headers or {})["retry-after"])
    assert 500 < date.timestamp() - time.time() <= 600


def test_stopping_the_server_ends_waits_and_leaves_no_thread(connect_admin: Any) -> None:
    """A request that would wait for an hour is dropped when the server stops."""
    before = set(threading.enumerate())
    seen: list[BaseException] = []

    def ask(server: RunningFakeZep) -> None:
        try:
            httpx.get(f"{server.api_url}/users/ann", timeout=60, trust_env=False)
        except httpx.TransportError as error:
            seen.append(error)

    with running_fakezep(Settings()) as server:
        admin = connect_admin(server)
        admin.call("PUT", "/latency", {"seconds": 3600})
        client = threading.Thread(target=ask, args=(server,))
        client.start()
        assert until(lambda: bool(admin.entries()))
    client.join(20)
    assert [type(error) for error in seen] == [httpx.RemoteProtocolError]
    assert set(threading.enumerate()) <= before
