"""What a person may send: a wrong request is refused by a clear status, and never breaks a view."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from django.test import override_settings
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from chatapp import metrics
from chatapp.turns import asking
from chatapp.turns.events import Done, MemoryNote

REPLY = Done(reply="ok", memory=MemoryNote(mode="off", status="skipped", detail="mode", used=False))

Send = Callable[..., Any]


@pytest.fixture
def send(monkeypatch: pytest.MonkeyPatch, ask: Any, bearer: Any) -> Send:
    """Send one request; whatever is accepted is answered without a worker."""

    async def follow(*_: Any, **__: Any) -> Any:
        yield REPLY

    monkeypatch.setattr(asking, "follow", follow)

    def send(path: str = "/api/chat/", **request: Any) -> Any:
        from chatapp.asgi import application

        request.setdefault("headers", bearer())
        return asyncio.run(ask(application, path, **request))

    return send


def saying(message: object, thread_id: object = "t1") -> bytes:
    return json.dumps({"message": message, "thread_id": thread_id}).encode()


def test_a_good_question_is_answered(send: Send) -> None:
    exchange = send(body=saying("hi"))
    assert exchange.status == 200
    assert exchange.json["reply"] == "ok"
    assert exchange.json["thread_id"] == "t1"
    assert exchange.json["memory"] == {"mode": "off", "status": "skipped", "detail": "mode", "used": False}


@pytest.mark.parametrize("length", [1, 4096])
def test_a_message_has_1_to_4096_characters(send: Send, length: int) -> None:
    assert send(body=saying("😀" * length)).status == 200
    assert send(body=saying("  " + "😀" * length + "\n")).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"[" * 50_000,
        b"\xff\xfe",
        b"1" * 5000,
        saying(""),
        saying(" \n"),
        saying("x" * 4097),
        saying("😀" * 80_000),
        b" " * (1024 * 1024),
        saying(None),
        saying(["x"]),
        saying("nul \0"),
        b'{"message": "half \\ud83d", "thread_id": "t1"}',
        b'{"message": "x"}',
        saying("x", None),
        saying("x", 7),
        saying("x", ""),
        saying("x", "a/b"),
        saying("x", ".."),
        saying("x", "a?b"),
        saying("x", "a#b"),
        saying("x", "a\0b"),
        saying("x", "t" * 201),
    ],
)
def test_a_body_that_cannot_be_used_is_400(send: Send, body: bytes) -> None:
    exchange = send(body=body)
    assert exchange.status == 400
    assert exchange.json["error"]


def claims(**changes: Any) -> str:
    fields = {"sub": "ada", "exp": int(time.time()) + 60} | changes
    return jwt.encode({k: v for k, v in fields.items() if v is not None}, "x" * 40)


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a.b.c", f"Bearer {claims()}", "Bearer \xe9", "Token x"],
)
def test_without_a_token_of_ours_it_is_401(send: Send, authorization: str) -> None:
    exchange = send(body=saying("hi"), headers={"Authorization": authorization})
    assert exchange.status == 401
    assert exchange.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("changes", [{"exp": 1}, {"exp": None}, {"sub": None}, {"sub": "a/b"}, {"sub": ""}, {"sub": 7}])
def test_a_token_that_is_old_or_speaks_for_nobody_is_401(send: Send, changes: Any) -> None:
    with override_settings(CHATAPP_JWT_SECRET="x" * 40):
        assert send(body=saying("hi"), headers={"Authorization": f"Bearer {claims()}"}).status == 200
        assert send(body=saying("hi"), headers={"Authorization": f"Bearer {claims(**changes)}"}).status == 401


def test_a_token_without_a_signature_is_401(send: Send) -> None:
    unsigned = jwt.encode({"sub": "ada", "exp": int(time.time()) + 60}, "", algorithm="none")
    assert send(body=saying("hi"), headers={"Authorization": f"Bearer {unsigned}"}).status == 401


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_another_method_is_405(send: Send, method: str) -> None:
    assert send(method=method).status == 405


def test_a_body_over_the_limit_is_413_declared_or_not(send: Send) -> None:
    long = b" " * (1024 * 1024 + 1)
    assert send(body=long).status == 413
    assert send(body=b"{}", headers={"content-length": str(len(long))}).status == 413


def test_another_path_is_404(send: Send) -> None:
    assert send("/api/nothing/").status == 404


def test_what_is_refused_is_no_turn(send: Send) -> None:
    before = metrics.CHAT_TURNS._value.get()
    send(body=b"{")
    send(body=saying("hi"), headers={})
    assert metrics.CHAT_TURNS._value.get() == before
    send(body=saying("hi"))
    assert metrics.CHAT_TURNS._value.get() == before + 1


JSON = st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner), max_leaves=4)


@effort(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=200)
    | st.fixed_dictionaries({"message": JSON, "thread_id": JSON}).map(lambda f: json.dumps(f).encode()),
    accept=st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=20),
)
def test_no_body_breaks_a_view(send: Send, bearer: Any, body: bytes, accept: str) -> None:
    assert send(body=body, headers=bearer() | {"Accept": accept}).status in (200, 400)


@effort(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(token=st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=80))
def test_no_token_breaks_a_view(send: Send, token: str) -> None:
    assert send(body=saying("hi"), headers={"Authorization": f"Bearer {token}"}).status == 401


def test_health_asks_the_database(send: Send) -> None:
    exchange = send("/healthz", method="GET")
    assert (exchange.status, exchange.json) == (200, {"status": "ok"})


def test_a_database_that_is_away_is_503(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    from chatapp.web import views

    def away() -> None:
        raise OperationalError("away")

    monkeypatch.setattr(views, "_ask_database", away)
    assert send("/healthz", method="GET").status == 503


def test_the_metrics_are_open_unless_they_have_a_token(send: Send) -> None:
    exchange = send("/api/metrics/", method="GET", headers={})
    assert exchange.status == 200
    for name in ("chat_turns_total", "error_rate_total", "agent_latency_seconds_bucket", "memory_mode_gauge"):
        assert name in exchange.body.decode()
    for name in ("memory_outbox_depth", "memory_outbox_oldest_age_seconds", "memory_outbox_dead_letters"):
        assert f"\n{name} " in exchange.body.decode()
    with override_settings(CHATAPP_METRICS_TOKEN="a token"):
        assert send("/api/metrics/", method="GET", headers={}).status == 401
        assert send("/api/metrics/", method="GET", headers={"Authorization": "Bearer a token"}).status == 200
    assert send("/api/metrics/", method="POST", headers={}).status == 405


def test_a_view_that_breaks_is_a_503_that_counts(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    from chatapp.web import views

    def broken(_: Any) -> None:
        raise RuntimeError("secret text")

    monkeypatch.setattr(views, "read_question", broken)
    before = metrics.ERRORS._value.get()
    exchange = send(body=saying("hi"))
    assert exchange.status == 503
    assert "retry-after" in exchange.headers
    assert b"secret" not in exchange.body
    assert metrics.ERRORS._value.get() == before + 1
