"""The admin API: keys, latency, journal, store, reset, and what it refuses."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from zep_cloud.client import Zep
from zep_cloud.core.api_error import ApiError
from zep_cloud.types import Message

from fakezep.core import ROUTE_NAMES
from fakezep.testing import RunningFakeZep


def test_health_needs_no_key(server: RunningFakeZep) -> None:
    assert httpx.get(f"{server.admin_url}/health", trust_env=False).json() == {"status": "ok"}


@pytest.mark.parametrize("headers", [{}, {"X-Admin-Key": "wrong"}])
def test_all_else_needs_the_admin_key(server: RunningFakeZep, headers: dict[str, str]) -> None:
    response = httpx.get(f"{server.admin_url}/store", headers=headers, trust_env=False)
    assert response.status_code == 403
    assert "X-Admin-Key" in response.json()["error"]


def test_keys_can_be_changed_while_the_server_runs(
    admin: Any, sdk: Zep, server: RunningFakeZep, connect_sdk: Callable[..., Zep]
) -> None:
    assert admin.call("GET", "/keys") == {"accepted": [server.api_key]}
    admin.call("PUT", "/keys", {"accepted": ["k2", "k3"]})
    with pytest.raises(ApiError) as error:
        sdk.user.add(user_id="ann")
    assert error.value.status_code == 401
    assert connect_sdk(server, api_key="k3").user.add(user_id="ann").user_id == "ann"
    admin.call("PUT", "/keys", {"accepted": []})
    with pytest.raises(ApiError):
        connect_sdk(server, api_key="k3").user.get("ann")
    assert [entry["key_ok"] for entry in admin.entries()] == [False, True, False]
    assert "k3" not in json.dumps(admin.entries())


def test_latency_is_set_for_all_routes_or_for_one(admin: Any, sdk: Zep, thread: str) -> None:
    admin.call("PUT", "/latency", {"seconds": 0.02, "jitter_s": 0.01})
    admin.call("PUT", "/latency", {"seconds": 0.05, "route": "context"})
    assert admin.call("GET", "/latency") == {
        "default": {"seconds": 0.02, "jitter_s": 0.01},
        "routes": {"context": {"seconds": 0.05, "jitter_s": 0.0}},
    }
    sdk.thread.get_user_context(thread)
    sdk.user.get("ann")
    durations = {entry["route"]: entry["duration_s"] for entry in admin.entries()}
    assert durations["context"] >= 0.045
    assert durations["get_user"] >= 0.005
    assert admin.call("DELETE", "/latency") == {"default": {"seconds": 0.0, "jitter_s": 0.0}, "routes": {}}


def test_the_journal_tells_each_request_without_content_or_key(admin: Any, sdk: Zep, server: RunningFakeZep) -> None:
    sdk.user.add(user_id="ann")
    sdk.thread.create(thread_id="a b", user_id="ann")
    messages = [Message(role="user", content="a secret", metadata={"turn": 7})]
    uuids = sdk.thread.add_messages("a b", messages=messages).message_uuids or []
    first, second, third = admin.entries()
    assert [entry["route"] for entry in (first, second, third)] == [
        "create_user",
        "create_thread",
        "add_messages",
    ]
    assert (third["method"], third["path"]) == ("POST", "/api/v2/threads/a%20b/messages")
    assert (third["status"], third["applied"], third["fault"], third["key_ok"]) == (200, True, None, True)
    assert (third["user_id"], third["thread_id"]) == ("ann", "a b")
    assert third["messages"] == [{"role": "user", "metadata": {"turn": 7}, "uuid": uuids[0]}]
    assert "a secret" not in json.dumps(third)
    assert server.api_key not in json.dumps(third)
    assert first["at"] <= second["at"] <= third["at"]


def test_the_journal_is_read_from_a_number_on_and_can_be_cleared(admin: Any, sdk: Zep) -> None:
    sdk.user.add(user_id="ann")
    last = admin.call("GET", "/journal")["last"]
    sdk.user.get("ann")
    later = admin.call("GET", f"/journal?since={last}")
    assert [entry["route"] for entry in later["entries"]] == ["get_user"]
    assert later["last"] == last + 1
    admin.call("DELETE", "/journal")
    assert admin.call("GET", "/journal") == {"entries": [], "last": last + 1, "dropped": 0}


def test_admin_calls_are_neither_journaled_nor_faulted_nor_slowed(admin: Any) -> None:
    admin.fault("refuse_before_write")
    admin.call("PUT", "/latency", {"seconds": 3600})
    assert admin.entries() == []


def test_the_store_can_be_read_for_assertions(admin: Any, sdk: Zep, thread: str) -> None:
    store = admin.call("GET", "/store")
    assert [user["user_id"] for user in store["users"]] == ["ann"]
    assert [(one["thread_id"], one["user_id"]) for one in store["threads"]] == [(thread, "ann")]
    (message,) = store["messages"][thread]
    assert (message["role"], message["content"]) == ("user", "I like tea")
    assert set(message) == {"uuid", "role", "content", "metadata", "created_at"}
    assert admin.call("GET", f"/store/{thread}")["messages"] == [message]
    assert admin.client.get("/store/none").status_code == 404


def test_reset_goes_back_to_the_start(admin: Any, sdk: Zep, thread: str, server: RunningFakeZep) -> None:
    admin.call("PUT", "/keys", {"accepted": ["other"]})
    admin.call("PUT", "/latency", {"seconds": 3600})
    admin.fault("status")
    admin.call("POST", "/reset")
    assert admin.call("GET", "/store") == {"users": [], "threads": [], "messages": {}}
    assert admin.call("GET", "/faults") == {"faults": []}
    assert admin.call("GET", "/latency")["default"]["seconds"] == 0
    assert admin.call("GET", "/keys") == {"accepted": [server.api_key]}
    assert admin.entries() == []


def test_reset_can_keep_the_data(admin: Any, sdk: Zep, thread: str) -> None:
    admin.fault("status")
    admin.call("POST", "/reset", {"keep_data": True})
    assert sdk.thread.get(thread).total_count == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "named"),
    [
        ("PUT", "/keys", {"accepted": "k1"}, "accepted"),
        ("PUT", "/keys", {"accepted": [1]}, "accepted"),
        ("PUT", "/keys", {"keys": []}, "keys"),
        ("PUT", "/latency", {"seconds": -1}, "seconds is -1"),
        ("PUT", "/latency", {"seconds": "1"}, "seconds is '1'"),
        ("PUT", "/latency", {"route": "context"}, "seconds"),
        ("PUT", "/latency", {"seconds": 1, "route": "contxt"}, "contxt"),
        ("PUT", "/latency", {"seconds": 1, "jitter_s": 1e6}, "jitter_s"),
        ("POST", "/faults", {"kind": "boom"}, "boom"),
        ("POST", "/faults", {}, "kind"),
        ("POST", "/faults", {"kind": ["status"]}, "kind"),
        ("POST", "/faults", {"kind": "status", "colour": 1}, "colour"),
        ("POST", "/faults", {"kind": "status", "count": 0}, "count is 0"),
        ("POST", "/faults", {"kind": "status", "count": True}, "count is True"),
        ("POST", "/faults", {"kind": "status", "share": 0}, "share is 0"),
        ("POST", "/faults", {"kind": "status", "share": 1.5}, "share is 1.5"),
        ("POST", "/faults", {"kind": "status", "route": "nope"}, "nope"),
        ("POST", "/faults", {"kind": "status", "route": []}, "routes"),
        ("POST", "/faults", {"kind": "status", "method": "FETCH"}, "FETCH"),
        ("POST", "/faults", {"kind": "status", "status": 600}, "600"),
        ("POST", "/faults", {"kind": "status", "status": 101}, "101"),
        ("POST", "/faults", {"kind": "status", "content_type": "a\nb"}, "content_type"),
        ("POST", "/faults", {"kind": "drip", "interval_s": -1}, "interval_s"),
        ("POST", "/faults", {"kind": "answer_late", "delay_s": 1e9}, "delay_s"),
        ("POST", "/faults", {"kind": "status", "user_id": 1}, "user_id"),
        ("POST", "/faults", [], "object"),
        ("POST", "/reset", {"keep_data": "yes"}, "keep_data"),
        ("GET", "/journal?since=x", None, "'x'"),
    ],
)
def test_bad_input_is_refused_by_name(admin: Any, method: str, path: str, body: Any, named: str) -> None:
    response = admin.client.request(method, path, json=body)
    assert response.status_code == 400
    assert named in response.json()["error"]


def test_unknown_things_are_404(admin: Any) -> None:
    for method, path in [("GET", "/nope"), ("DELETE", "/faults/f999999"), ("DELETE", "/faults/x")]:
        assert admin.client.request(method, path).status_code == 404


def test_bodies_that_are_no_json_are_refused(admin: Any) -> None:
    assert admin.client.post("/faults", content=b"{").status_code == 400
    assert admin.client.post("/faults", content=b'{"kind": "status", "share": NaN}').status_code == 400


@pytest.mark.parametrize("route", ROUTE_NAMES)
def test_every_route_name_is_taken_by_faults_and_latency(server: Any, admin: Any, route: str) -> None:
    assert admin.fault("status", route=route)["route"] == route
    assert route in admin.call("PUT", "/latency", {"seconds": 1, "route": route})["routes"]
