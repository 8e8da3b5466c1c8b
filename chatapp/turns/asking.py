"""The web's side of a turn: asks the workers, listens, asks again, until the answer or the deadline.

A turn goes on when the person leaves: it runs in a task of its own, which the request only listens to.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, get_args

from django.conf import settings

from chatapp import metrics
from chatapp.turns import publishing
from chatapp.turns.events import Done, Event, Failed, Final, Said, Unavailable
from chatapp.turns.mailbox import BrokerGone, inbox
from chatapp.turns.question import Question
from chatapp.turns.relay import Patience, Relay
from guard.logs import get_logger

__all__ = ["Carrier", "OpenTurn", "carried_by", "follow", "open_turn"]

_FINAL = get_args(Final)


class Publish(Protocol):
    """Sends a question to the workers, or raises ``BrokerGone``."""

    async def __call__(self, question: Question, *, attempt: int, supersedes: int, expires_s: float) -> None: ...


class Listen(Protocol):
    """Waits for events of a turn's attempts, or raises ``BrokerGone``."""

    async def __call__(self, question: Question, attempts: int, wait_s: float) -> list[tuple[int, Said]]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Carrier:
    """The way to the workers and back; by default the broker's."""

    publish: Publish
    listen: Listen


_carrier: Carrier | None = None


@contextmanager
def carried_by(carrier: Carrier) -> Iterator[None]:
    """Carry this process's turns in another way than over the broker; for simulations."""
    global _carrier
    before, _carrier = _carrier, carrier
    try:
        yield
    finally:
        _carrier = before


async def follow(question: Question, patience: Patience, *, publish: Publish, listen: Listen) -> AsyncIterator[Event]:
    """Give what the person is to hear; the last event, and only that, is a final one."""
    relay = Relay(patience, time.monotonic())
    try:
        await publish(question, attempt=1, supersedes=0, expires_s=patience.deadline_s)
        while True:
            now = time.monotonic()
            match relay.due(now):
                case Unavailable() as gone:
                    yield gone
                    return
                case None:
                    pass
                case again:
                    get_logger(__name__).info("turn_asked_again", turn_id=str(question.turn_id), attempt=again.attempt)
                    await publish(
                        question,
                        attempt=again.attempt,
                        supersedes=again.supersedes,
                        expires_s=relay.remaining_s(now),
                    )
            wait_s = relay.wake_at() - time.monotonic()
            heard = await listen(question, relay.attempts, wait_s)
            now = time.monotonic()
            for attempt, said in heard:
                for event in relay.hear(attempt, said, now):
                    yield event
                    if isinstance(event, _FINAL):
                        return
    except BrokerGone:
        yield Unavailable("the broker does not answer")


class OpenTurn:
    """A turn that is being answered, and what is heard of it."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self._heard: asyncio.Queue[Event] = asyncio.Queue()  # at most the events of one reply

    async def events(self) -> AsyncIterator[Event]:
        """Give the events as they come; the last one is final."""
        while True:
            event = await self._heard.get()
            yield event
            if isinstance(event, _FINAL):
                return

    async def run(self, events: AsyncIterator[Event]) -> None:
        """Carry ``events`` to whoever listens, and count how the turn ended, whether or not anybody does."""
        last: Event = Unavailable("the turn was given up")
        try:
            async for event in events:
                last = event
                if not isinstance(event, _FINAL):
                    self._heard.put_nowait(event)
        except Exception as error:
            get_logger(__name__).error("turn_broke", turn_id=str(self.question.turn_id), error=type(error).__name__)
        finally:
            if not isinstance(last, _FINAL):
                last = Unavailable("the turn was cut")
            _count(last)
            self._heard.put_nowait(last)


_running: set[asyncio.Task[None]] = set()  # the event loop itself holds tasks weakly


def open_turn(question: Question) -> OpenTurn:
    """Start a turn on the running event loop; refuse (an ``Unavailable`` event) if too many are open."""
    turn = OpenTurn(question)
    if len(_running) >= settings.CHATAPP_TURNS_MAX:
        events = _refuse()
    else:
        patience = Patience(
            resend_s=settings.CHATAPP_TURN_RESEND_S,
            silence_s=settings.CHATAPP_TURN_SILENCE_S,
            deadline_s=settings.CHATAPP_TURN_DEADLINE_S,
        )
        way = _carrier or Carrier(publish=publishing.publish, listen=_listen)
        events = follow(question, patience, publish=way.publish, listen=way.listen)
    task = asyncio.create_task(turn.run(events))
    _running.add(task)
    task.add_done_callback(_running.discard)
    return turn


async def close_turns(grace_s: float) -> None:
    """Let running turns end, then cut those that take longer than ``grace_s``."""
    running = [task for task in _running if task.get_loop() is asyncio.get_running_loop()]
    if not running:
        return
    _, late = await asyncio.wait(running, timeout=grace_s)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)


async def _listen(question: Question, attempts: int, wait_s: float) -> list[tuple[int, Said]]:
    return await inbox().take(question.turn_id, attempts, wait_s)


async def _refuse() -> AsyncIterator[Event]:
    yield Unavailable("too many turns are open")


def _count(last: Event) -> None:
    match last:
        case Done(apology=apology):
            metrics.count_turn(failed=apology)
        case Failed() | Unavailable():
            metrics.count_turn(failed=True)
