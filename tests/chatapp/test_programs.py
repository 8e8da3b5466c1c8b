"""The programs round the turns: a real Celery worker in the test's process, the delivery's thread, the web's life."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest
from celery.contrib.testing.worker import start_worker
from django.db import connections

from chatapp import deliveries as delivery
from chatapp import memory
from chatapp.celery import CHAT_QUEUE, app
from chatapp.turns.mailbox import post_office
from guard import ContextResult, ContextStatus, Mode


class Memory:
    """Stands for the guard: it remembers nothing."""

    def read_context(self, *, user_id: str, thread_id: str) -> ContextResult:
        return ContextResult(status=ContextStatus.SKIPPED, mode=Mode.OFF)


@pytest.mark.usefixtures("broker")
def test_a_message_goes_through_web_broker_and_worker(
    ask: Any, bearer: Any, saying: Any, thread_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chatapp.asgi import application
    from chatapp.turns import tasks
    from chatapp.turns.mailbox import close_inbox

    monkeypatch.setattr(memory, "service", Memory)
    monkeypatch.setattr(tasks, "nudge_soon", connections.close_all)

    async def turn() -> Any:
        try:
            return await ask(application, "/api/chat/", body=saying("hi", thread_id), headers=bearer())
        finally:
            await close_inbox()

    with start_worker(app, pool="threads", concurrency=2, perform_ping_check=False, queues=[CHAT_QUEUE]):
        exchange = asyncio.run(turn())
    assert exchange.status == 200
    assert exchange.json["reply"] == "You wrote: hi\n(no memory)"
    assert exchange.json["memory"] == {"mode": "off", "status": "skipped", "detail": "", "used": False}


def test_no_text_stands_in_the_headers_of_a_task(broker: Any, thread_id: str) -> None:
    from chatapp.turns import publishing
    from chatapp.turns.question import Question

    asked = Question(user_id="ada", thread_id=thread_id, message="my text")
    asyncio.run(publishing.publish(asked, attempt=1, supersedes=0, expires_s=5))
    sent = json.loads(post_office.client().lindex(CHAT_QUEUE, 0))  # type: ignore[arg-type]
    assert sent["headers"]["task"] == "chatapp.answer_turn"
    assert sent["headers"]["expires"]
    assert "my text" not in json.dumps(sent["headers"])


def test_at_most_one_nudge_is_under_way(broker: Any) -> None:
    for _ in range(3):
        delivery.nudge_soon()
    assert post_office.client().llen("deliveries") == 1
    delivery.nudge_arrived()
    delivery.nudge_soon()
    assert post_office.client().llen("deliveries") == 2


def test_a_nudge_that_cannot_be_sent_hurts_nobody(broker: Any) -> None:
    broker.stop()
    delivery.nudge_soon()
    delivery.nudge_arrived()


def test_the_delivery_runs_in_one_thread_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    running = threading.Event()
    nudged = threading.Event()

    class Loop:
        def __init__(self, service: object) -> None:
            pass

        def run(self, stop: threading.Event) -> None:
            running.set()
            stop.wait(10)

        def nudge(self) -> None:
            nudged.set()

    monkeypatch.setattr("guard.django.delivery.DeliveryLoop", Loop)
    deliveries = delivery.Deliveries()
    service: Any = Memory()
    deliveries.start(service)
    deliveries.start(service)
    assert running.wait(60)
    assert [t.name for t in threading.enumerate()].count("deliveries") == 1
    deliveries.nudge()
    assert nudged.is_set()
    deliveries.stop()
    assert "deliveries" not in [t.name for t in threading.enumerate()]


@pytest.mark.parametrize(
    ("missing", "outcome"), [("", "lifespan.startup.complete"), ("CHATAPP_JWT_SECRET", "lifespan.startup.failed")]
)
def test_the_web_starts_and_stops_or_says_which_secret_is_missing(
    missing: str, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chatapp.asgi import application

    class Service:
        def close(self) -> None:
            pass

    monkeypatch.setattr(memory, "prepare", lambda: None)
    monkeypatch.setattr(memory, "service", Service)
    if missing:
        monkeypatch.setenv(missing, "")
    said: list[Any] = []
    events = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> Any:
        return {"type": next(events)}

    async def send(message: Any) -> None:
        said.append(message)

    live: Any = application
    asyncio.run(live({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send))
    assert said[0]["type"] == outcome
    assert missing in said[0].get("message", "")
