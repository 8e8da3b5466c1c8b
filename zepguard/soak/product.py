"""The product of world sim, less what days of virtual time cannot wait for; ``zepguard.soak`` says what that is."""

from __future__ import annotations

import math
import random
from collections.abc import Coroutine
from typing import Any, TypeVar

import httpx
from django.conf import settings as django_settings
from django.db import connection

from chatapp.turns.asking import Carrier, OpenTurn, follow
from chatapp.turns.events import Said
from chatapp.turns.question import Question
from chatapp.turns.relay import Patience
from fakezep import FakeZep
from guard.core.settings import SETTLE_S, Settings, read_settings
from guard.core.worker import Worker
from guard.django.models import OutboxMessage
from guard.django.outbox import DjangoRows
from guard.outbox.delivery import POLL_S
from guard.outbox.rows import Batch
from guard.store.memory import MemoryStore
from guard.store.protocol import Store
from guard.zep.sdk import SdkZep
from zepguard.stack.programs import WORKERS
from zepguard.worlds.sim.carrier import InPlace
from zepguard.worlds.sim.clock import VirtualClock
from zepguard.worlds.sim.deliveries import Deliveries
from zepguard.worlds.sim.product import Product

__all__ = ["SoakedProduct", "finish_at_once"]

T = TypeVar("T")

_TABLE = OutboxMessage._meta.db_table
_HEADS = (
    f"SELECT MIN(CASE state WHEN 'sending' THEN claimed_until ELSE not_before END) FROM {_TABLE} WHERE id IN"
    f" (SELECT MIN(id) FROM {_TABLE} WHERE NOT (state = 'delivered') AND NOT forgotten GROUP BY thread_id)"
)


def finish_at_once(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits, without an event loop: making one costs more than a turn.

    Raises:
        RuntimeError: it waits.
    """
    try:
        work.send(None)
    except StopIteration as ended:
        value: T = ended.value
        return value
    work.close()
    raise RuntimeError("a turn waits for an event loop, and a soak has none: carry its wait out in virtual time")


class _WithoutLoop(InPlace):
    """Carries a turn in the thread that asks."""

    @property
    def carrier(self) -> Carrier:
        return Carrier(publish=self._publish, listen=self._listen_here)

    async def _listen_here(self, question: Question, attempts: int, wait_s: float) -> list[tuple[int, Said]]:
        return self._work(wait_s)


class _DueRows(DjangoRows):
    """Asks the table once whether a claim could give anything, before the looks of a claim."""

    _due: float | None = None
    _due_at = -1  # changes of the database when it was asked

    def next_due(self) -> float | None:
        """When the oldest message of some thread is due, unix seconds; None while nothing is undelivered."""
        changes = connection.connection.total_changes  # of SQLite, by this connection, and there is no other
        if changes != self._due_at:
            (self._due,) = connection.connection.execute(_HEADS).fetchone()
            self._due_at = changes
        return self._due

    def claim(self, *, now: float, lease_s: float, settle_s: float = SETTLE_S) -> Batch | None:
        due = self.next_due()
        return None if due is None or due > now else super().claim(now=now, lease_s=lease_s, settle_s=settle_s)


class _PollsWhatIsDue(Deliveries):
    """Leaves out the polls, a half second apart, at which nothing is due."""

    _rows: _DueRows
    _poll_at = math.inf

    def poll(self) -> None:
        """Look at the table at the first poll at which something will be due."""
        due = self._rows.next_due()
        if due is None:
            return
        wait_s = POLL_S * max(1, math.ceil((due - self._clock.time()) / POLL_S))
        if self._clock.time() + wait_s < self._poll_at:  # else an earlier one is on the agenda
            self._poll_at = self._clock.time() + wait_s
            self._clock.after(wait_s, self._polled)

    def _polled(self) -> None:
        self._poll_at = math.inf
        if self._rows.next_due() is not None:
            self._look()
            self.poll()

    def _done(self) -> None:
        super()._done()
        self.poll()  # what was put back is due before the claim would have run out


class SoakedProduct(Product):
    """Web, chat worker and delivery worker over one store in this process.

    Heartbeats are made as they are looked at: call ``beat`` before a scrape and before a turn.
    """

    def __init__(self, variables: dict[str, str], *, clock: VirtualClock, zep: FakeZep) -> None:
        super().__init__(variables, clock=clock, zep=zep)
        self._shared = MemoryStore(read_settings(variables).policy, clock=clock.time)
        self._patience = Patience(
            resend_s=django_settings.CHATAPP_TURN_RESEND_S,
            silence_s=django_settings.CHATAPP_TURN_SILENCE_S,
            deadline_s=django_settings.CHATAPP_TURN_DEADLINE_S,
        )
        chat, delivery = WORKERS
        self.deliveries = _PollsWhatIsDue(clock, lambda: self._running.get(delivery), draw=random.Random(2).random)
        self.deliveries._rows = _DueRows()
        self.between = _WithoutLoop(lambda: self._running.get(chat), sleep=clock.sleep, answered=self.deliveries.nudge)

    def beat(self) -> None:
        """Have each worker say that it lives."""
        for name in WORKERS:
            self._shared.beat(self._worker(name))

    def ask(self, *, user_id: str, thread_id: str, text: str) -> None:
        """Have a person say something: the web's and the worker's side of the turn, to its end."""
        question = Question(user_id=user_id, thread_id=thread_id, message=text)
        carrier = self.carrier
        events = follow(question, self._patience, publish=carrier.publish, listen=carrier.listen)
        finish_at_once(OpenTurn(question).run(events))

    def _store(self, settings: Settings) -> Store:
        return self._shared

    def _sdk(self, settings: Settings) -> SdkZep:
        # World sim's routes, by respx, would cost half of the call again.
        transport = httpx.MockTransport(self.wire.carry)
        return SdkZep(
            base_url=settings.base_url,
            api_key=settings.api_key,
            timeout_s=settings.timeout_s,
            transport=transport,
            clock=self._clock.time,
        )

    def _beat(self, worker: Worker) -> None:
        self._shared.beat(worker)
