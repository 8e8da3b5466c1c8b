"""``deliver`` over the real table, against a model of Zep that drops before and after the write, lands late, on both
sides of the settling time, refuses, and under which the delivering process dies.

Whatever happens: nothing is lost, each thread is in order, no message is there twice but by a request that landed
later than the settling time, and each of those is marked as unknown.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum, auto
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from guard import read_settings
from guard.core.table import Outcome
from guard.engine import WriteResult
from guard.outbox.acceptance import Acceptance
from guard.outbox.dbapi import MESSAGES, DbApiRows, accept, create_tables
from guard.outbox.delivery import CALLS_A_BATCH_MAX, deliver
from guard.zep.calls import OutgoingMessage, StoredMessage, ZepFailure

SETTLE_S = 30.0
TIMEOUT_S = 1.5
LEASE_S = CALLS_A_BATCH_MAX * TIMEOUT_S + 1
SETTINGS = read_settings(
    {"FLAG_ZEP_WRITE": "true", "ZEP_ENABLED": "true", "ZEP_API_KEY": "k", "ZEPGUARD_OUTBOX_SETTLE_S": str(SETTLE_S)}
)
RULES = Acceptance.from_environ({})
POISON = "poison"


class Died(BaseException):
    """The delivering process, at this call."""


class Fate(Enum):
    """What becomes of one call."""

    DONE = auto()
    NEVER_SENT = auto()  # connection refused
    BREAKER_OPEN = auto()
    AUTH = auto()
    RATE_LIMITED = auto()
    LOST = auto()  # timed out, not applied
    APPLIED = auto()  # the answer is lost
    LATE = auto()  # timed out, applied within the settling time
    TOO_LATE = auto()  # timed out, applied after it
    DIES_BEFORE = auto()
    DIES_AFTER = auto()
    DIES_LATE = auto()


LATER = {Fate.LATE, Fate.DIES_LATE, Fate.TOO_LATE}
DEADLY = {Fate.DIES_BEFORE, Fate.DIES_AFTER, Fate.DIES_LATE}
FAILURES = {
    Fate.NEVER_SENT: ZepFailure(Outcome.CONNECTION, "refused"),
    Fate.AUTH: ZepFailure(Outcome.AUTH, "HTTP 401", status=401),
    Fate.RATE_LIMITED: ZepFailure(Outcome.RATE_LIMITED, "HTTP 429", status=429, retry_after_s=7),
    Fate.LOST: ZepFailure(Outcome.TIMEOUT, "timeout", ambiguous=True),
    Fate.APPLIED: ZepFailure(Outcome.CONNECTION, "answer lost", ambiguous=True),
    Fate.LATE: ZepFailure(Outcome.TIMEOUT, "timeout", ambiguous=True),
    Fate.TOO_LATE: ZepFailure(Outcome.SERVER_ERROR, "HTTP 503", status=503, ambiguous=True),
}


class ModelZep:
    """Threads, and requests that are on their way; also the service in front of it."""

    settings = SETTINGS

    def __init__(self) -> None:
        self.now = 1000.0
        self.threads: dict[str, list[str]] = {}
        self.under_way: list[tuple[float, str, list[str]]] = []
        self.too_late: Counter[str] = Counter()
        self.fates: list[tuple[Fate, float]] = []
        self.sent = 0

    def clock(self) -> float:
        return self.now

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for landing in sorted(self.under_way):
            if landing[0] <= self.now:
                self.under_way.remove(landing)
                self.threads.setdefault(landing[1], []).extend(landing[2])

    def write(self, thread_id: str, perform: Callable[[Any], Any]) -> WriteResult:
        self.fate, self.share = self.fates.pop(0) if self.fates else (Fate.DONE, 0.0)
        if self.fate is Fate.BREAKER_OPEN:
            return WriteResult(sent=False, detail="breaker_open")
        try:
            return WriteResult(sent=True, value=perform(self))
        except ZepFailure as failure:
            return WriteResult(sent=True, failure=failure)

    def _end(self) -> None:
        """Time passes; the call fails, or the process is gone."""
        self.pass_time(self.share * TIMEOUT_S)
        if self.fate in DEADLY:
            raise Died
        if self.fate in FAILURES:
            raise FAILURES[self.fate]

    def add_messages(self, thread_id: str, messages: Sequence[OutgoingMessage]) -> None:
        self.sent += 1
        ids = [message.outbox_id for message in messages]
        if thread_id not in self.threads:
            if self.fate is Fate.DONE:
                raise ZepFailure(Outcome.NOT_FOUND, "HTTP 404", status=404)
        elif any(message.content == POISON for message in messages):
            if self.fate is Fate.DONE:
                raise ZepFailure(Outcome.REFUSED, "HTTP 400", status=400)
        elif self.fate in {Fate.DONE, Fate.APPLIED, Fate.DIES_AFTER}:
            self.threads[thread_id] += ids
        elif self.fate in LATER:
            self._send_late(thread_id, ids)
        self._end()

    def _send_late(self, thread_id: str, ids: list[str]) -> None:
        delay_s = self.share * SETTLE_S
        if self.fate is Fate.TOO_LATE:
            delay_s += LEASE_S + SETTLE_S
            self.too_late.update(ids)
        self.under_way.append((self.now + delay_s, thread_id, ids))

    def newest_messages(self, thread_id: str, count: int) -> list[StoredMessage]:
        self._end()
        newest = self.threads.get(thread_id, [])[-count:]
        return [StoredMessage(uuid="", role="user", outbox_id=outbox_id) for outbox_id in newest]

    def ensure_user(self, user_id: str) -> None:
        self._end()

    def ensure_thread(self, thread_id: str, user_id: str) -> bool:
        self.threads.setdefault(thread_id, [])
        self._end()
        return True


shares = st.sampled_from((0.0, 0.5, 1.0))
calls = st.lists(st.tuples(st.sampled_from(Fate), shares), max_size=4)
pauses = st.sampled_from((0.0, 1.0, 5.0, LEASE_S, SETTLE_S, LEASE_S + SETTLE_S))


class DeliveryMachine(RuleBasedStateMachine):
    """The app accepts, the delivery runs, time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.zep = ModelZep()
        self.rows = DbApiRows(lambda: sqlite3.connect(":memory:", check_same_thread=False))
        with self.rows._pool._connection() as connection:
            create_tables(connection)
        self.accepted: dict[str, list[str]] = {}
        self.poison: set[str] = set()
        self.zep.threads["a"] = []

    def teardown(self) -> None:
        try:
            self._recover()
        finally:
            self.rows.close()

    @rule(thread_id=st.sampled_from("ab"), poison=st.sampled_from((None, None, None, 0, 1)), count=st.integers(1, 3))
    def accept(self, thread_id: str, poison: int | None, count: int) -> None:
        for number in range(count):
            bad = number == poison
            with self.rows._pool._connection() as connection:
                ids = accept(
                    connection,
                    user_id="u",
                    thread_id=thread_id,
                    role="user",
                    content=POISON if bad else "hello",
                    turn_id=uuid.uuid4(),
                    rules=RULES,
                )
            self.accepted.setdefault(thread_id, []).extend(ids)
            self.poison.update(ids if bad else ())

    @rule(fates=calls, pause=pauses)
    def deliver(self, fates: list[tuple[Fate, float]], pause: float = 0.0) -> None:
        self.zep.pass_time(pause)
        self.zep.fates = list(fates)
        batch = self.rows.claim(now=self.zep.now, lease_s=LEASE_S, settle_s=SETTLE_S)
        if batch is None:
            return
        with suppress(Died):
            deliver(self.zep, self.rows, batch, clock=self.zep.clock, draw=lambda: 0.0)  # type: ignore[arg-type]

    @invariant()
    def in_order_and_not_doubled(self) -> None:
        for thread_id, stored in self.zep.threads.items():
            deliverable = [i for i in self.accepted.get(thread_id, []) if i not in self.poison]
            first_seen = list(dict.fromkeys(stored))
            assert first_seen == deliverable[: len(first_seen)]
            for outbox_id, times in Counter(stored).items():
                assert times <= 1 + self.zep.too_late[outbox_id], "doubled within the guarantee"

    def _recover(self) -> None:
        """Zep is healthy from now on: all gets there, and what may be there twice is known."""
        self.zep.fates = []
        steps = 0
        while self.rows.counts().depth:
            self.deliver([])
            self.zep.pass_time(1.0)
            steps += 1
            assert steps < 2000, "the outbox does not drain"
        self.zep.pass_time(1000 * SETTLE_S)
        self.in_order_and_not_doubled()
        for thread_id, ids in self.accepted.items():
            stored = Counter(self.zep.threads.get(thread_id, []))
            assert set(ids) == set(stored) | (self.poison & set(ids)), "lost"
        dead = {letter.outbox_id for letter in self.rows.dead_letters(limit=1000)}
        assert dead == self.poison
        unknown = {
            outbox_id
            for (outbox_id,) in self.rows._database.read(f"SELECT outbox_id FROM {MESSAGES} WHERE unknown", {})
        }
        twice = {i for stored in self.zep.threads.values() for i, times in Counter(stored).items() if times > 1}
        assert twice <= unknown, "doubled and not reported"


@pytest.mark.parametrize("first", Fate)
def test_every_pair_of_fates(first: Fate) -> None:
    """What the random histories may miss: each fate after each other, in the look-up or in the call behind it."""
    for second in Fate:
        for pause in (1.0, SETTLE_S, LEASE_S + SETTLE_S):
            for fates in ([(second, 0.5)], [(Fate.DONE, 0.0), (second, 0.5)]):
                machine = DeliveryMachine()
                machine.accept("a", None, 2)
                machine.deliver([(first, 0.5)])
                machine.accept("a", 0, 1)
                machine.deliver(fates, pause)
                machine.in_order_and_not_doubled()
                machine.teardown()


DeliveryMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=25)
TestDelivery = DeliveryMachine.TestCase
