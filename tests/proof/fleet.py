"""A fleet in virtual time: the real engine, one store, calls that stay under way; and what must hold."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from guard.core.admission import effective_mode
from guard.core.events import (
    AcquireProbe,
    Clear,
    EffectKind,
    Event,
    Expire,
    GiveUp,
    Policy,
    Report,
    ResetFailures,
)
from guard.core.modes import Mode, Reason
from guard.core.record import Record
from guard.core.results import ContextResult, ContextStatus
from guard.core.table import Operation, Outcome, Phase
from guard.engine import Ask, Call, Called, Engine, Tell
from guard.errors import StoreUnavailable
from guard.notices import CallEnded, Notice
from guard.store.protocol import Applied
from guard.testing import FakeClock, FakeStore
from guard.zep.calls import Answer, ZepFailure
from tests.proof.oracle import BAD, GOOD, trend_of

RANK = {Mode.OFF: 0, Mode.WRITE_ONLY: 1, Mode.READ_WRITE: 2}
FRESH_S, STALE_S, NEGATIVE_S, VIEW_S, HOLD_S = 60.0, 600.0, 1.5, 1.0, 300.0  # the numbers, not the policy's
ROUNDING_S = 1e-3
TREND_REASONS = {Reason.READ_LATENCY, Reason.FAILURE_RATE}


class WatchedStore(FakeStore):
    """Checks each step of the record against what the issue promises, from bare lists of what happened."""

    def __init__(self, clock: FakeClock, policy: Policy, **more: Any) -> None:
        super().__init__(clock, policy, **more)
        self.clock, self.policy = clock, policy
        self.reads: list[tuple[float, float, bool]] = []  # since the mode last changed
        self.row: list[str] | None = []  # workers of the failures in a row; None: told by a process that remembered
        self.leases: dict[str, tuple[int, float]] = {}
        self.pauses: dict[str, float] = {}
        self.forgotten: dict[str, float] = {}  # a user or a thread, and when
        self.flushed_at = float("-inf")
        self.reached: list[str] = []

    def flush(self) -> None:
        super().flush()
        self.reads, self.row = [], []
        self.pauses.clear()
        self.flushed_at = self.clock.wall()

    def apply(self, event: Event) -> Applied:
        def step() -> Applied:
            before = self.record
            applied = self._store.apply(event)
            self._check(event, before, applied)
            return applied

        return self._ask("apply", step)

    def _check(self, event: Event, before: Record, applied: Applied) -> None:
        after, kinds = applied.record, [effect.kind for effect in applied.effects]
        self.reached += [kind.value for kind in kinds]
        if EffectKind.RECOVERED in kinds:
            self.reads, self.row = [], None
        self._counted_once(event, before, after, kinds)
        self._rises_only_by(event, before, applied)
        self._one_lease(event, applied)
        if isinstance(event, Report) and event.ticket.operation is Operation.READ:
            self._in_a_row(event, before, after)
            self._trend(event, before, after, applied)
            self._pause(event, applied.now)
        if after.generation != before.generation:
            self.reads = []
            self.row = self.row if EffectKind.RECOVERED in kinds and after.failures else []
        if isinstance(event, ResetFailures):
            self.row = []

    def _counted_once(self, event: Event, before: Record, after: Record, kinds: list[EffectKind]) -> None:
        delta = sum(after.downgrades.values()) - sum(before.downgrades.values())
        if EffectKind.RECOVERED in kinds:
            assert delta >= 0, "a count went down"
            return
        asked = isinstance(event, Report) and event.outcome is Outcome.RATE_LIMITED
        new = [kind for kind in kinds if kind in (EffectKind.DOWNGRADED, EffectKind.JOINED)]
        new += [kind for kind in kinds if kind is EffectKind.REHELD and not asked]
        assert delta == len(new) <= 1, f"{delta} downgrades counted, and told {kinds}"
        if delta:
            assert after.generation == before.generation + 1
            assert after.reason is not None

    def _rises_only_by(self, event: Event, before: Record, applied: Applied) -> None:
        if before.reason is None or applied.record.reason is not None:
            return
        if isinstance(event, Report):
            assert event.ticket.phase is Phase.PROBE
            assert event.ticket.token == before.lease != ""
            assert event.outcome.value in GOOD
            assert applied.record.restores == before.restores + 1
        elif isinstance(event, Expire):
            assert before.until <= applied.now
        else:
            assert isinstance(event, Clear), f"{event} lifted the mode"

    def _one_lease(self, event: Event, applied: Applied) -> None:
        now = applied.now
        if isinstance(event, AcquireProbe) and applied.did(EffectKind.GRANTED):
            others = [token for token, (g, until) in self.leases.items() if g == event.generation and until > now]
            assert others == [], "two probe at once"
            assert applied.record.until <= now
            self.leases[event.token] = (event.generation, now + self.policy.lease_s)
        elif isinstance(event, GiveUp):
            self.leases.pop(event.token, None)
        elif isinstance(event, Report):
            self.leases.pop(event.ticket.token, None)

    def _in_a_row(self, event: Report, before: Record, after: Record) -> None:
        if event.ticket.generation != before.generation or event.ticket.phase is not Phase.READ_WRITE:
            return
        if event.outcome.value in GOOD:
            self.row = []
        if event.outcome.value not in BAD or self.row is None:
            return
        self.row.append(event.worker)
        enough = len(self.row) >= 3 and len(set(self.row)) >= self.policy.witnesses
        if before.reason is None:
            downgraded = after.reason is Reason.CONSECUTIVE_FAILURES
            assert downgraded == enough, f"after {self.row} the mode is forced by {after.reason}"

    def _trend(self, event: Report, before: Record, after: Record, applied: Applied) -> None:
        of_now = event.ticket.generation == before.generation and event.ticket.phase is Phase.READ_WRITE
        by_row = after.reason in (Reason.CONSECUTIVE_FAILURES, Reason.AUTH)
        if not of_now or before.reason is not None or by_row:
            return
        self.reads.append((applied.now, event.latency_s, event.outcome.value in BAD))
        assert after.reason is trend_of(self.reads, applied.now, self.policy)
        self.reached += [after.reason.value] if after.reason in TREND_REASONS else []

    def _pause(self, event: Report, now: float) -> None:
        bad = event.outcome.value in BAD and event.ticket.phase is Phase.READ_WRITE
        if bad and event.thread_id not in self.forgotten:
            self.pauses[event.thread_id] = now + NEGATIVE_S


@dataclass
class Flight:
    """A call to Zep that is under way."""

    worker: Worker
    steps: Generator[Any, Any, Any]
    operation: Operation
    begun: float
    user: str = ""
    thread: str = ""
    lease: tuple[str, int, float] | None = None  # token, generation, until


@dataclass
class Worker:
    """A process: its engine, and what it has told."""

    name: str
    engine: Engine
    notices: list[Notice] = field(default_factory=list)
    lowest: Mode | None = None  # since it is alone

    def check_mode(self) -> None:
        sight, base = self.engine.sight, self.engine.base
        assert RANK[sight.mode] <= RANK[base], "above base"
        assert sight.mode is effective_mode(base, sight.now().record)
        if not sight.alone:
            self.lowest = None
            return
        if self.lowest is not None:
            assert RANK[sight.mode] <= RANK[self.lowest], "rose while it was alone"
        self.lowest = sight.mode


class Fleet:
    """Workers over one store, by one clock."""

    def __init__(self, policy: Policy, **store: Any) -> None:
        self.policy = policy
        self.clock = FakeClock()
        self.store = WatchedStore(self.clock, policy, **store)
        self.workers = [self.start(f"w{number}", Mode.READ_WRITE) for number in range(3)]
        self.flights: list[Flight] = []
        self.threads = 0

    def start(self, name: str, base: Mode) -> Worker:
        engine = Engine(
            base, self.policy, worker=name, calls_max=4, monotonic=self.clock.monotonic, wall=self.clock.wall
        )
        return Worker(name, engine)

    # -- the shell ---------------------------------------------------------------------------------------------------

    def drive(self, flight: Flight, answer: Any = None, error: BaseException | None = None) -> Any:
        """Go on to the next call to Zep (which stays under way), or to the end; gives the result, or None."""
        steps = flight.steps
        try:
            command = steps.throw(error) if error is not None else steps.send(answer)
            while True:
                flight.worker.check_mode()
                if isinstance(command, Call):
                    self._may_call(flight)
                    self.flights.append(flight)
                    return None
                command = steps.send(self._carry_out(flight, command))
        except StopIteration as stop:
            flight.worker.check_mode()
            return stop.value

    def _carry_out(self, flight: Flight, command: Ask | Tell) -> Any:
        if isinstance(command, Tell):
            flight.worker.notices.append(command.notice)
            return None
        known = set(self.store.leases)
        try:
            return command.ask(self.store)
        except StoreUnavailable as error:
            return error
        finally:
            for token in set(self.store.leases) - known:
                flight.lease = (token, *self.store.leases[token])

    def _may_call(self, flight: Flight) -> None:
        worker = flight.worker
        if flight.operation is Operation.READ and flight.lease is None:
            assert worker.engine.sight.mode.reads, "a read left while the mode does not read"
            if not worker.engine.sight.alone:
                assert self.store.pauses.get(flight.thread, 0.0) <= self.clock.wall() + ROUNDING_S, "negative window"

    # -- what a turn does --------------------------------------------------------------------------------------------

    def begin_read(self, worker: Worker, user: str, thread: str) -> Flight:
        steps = worker.engine.read_context(user, thread)
        flight = Flight(worker, steps, Operation.READ, self.clock.wall(), user, thread)
        self._check_result(flight, self.drive(flight))
        return flight

    def begin_write(self, worker: Worker, thread: str) -> Flight:
        steps = worker.engine.write(thread, lambda zep: None)
        flight = Flight(worker, steps, Operation.WRITE, self.clock.wall(), thread=thread)
        self.drive(flight)
        return flight

    def end(self, flight: Flight, outcome: Outcome, latency_s: float = 0.1) -> None:
        """Zep's answer comes, however late."""
        self.flights.remove(flight)
        reached = self._probe_counts(flight)
        self._check_result(flight, self.drive(flight, self._called(flight, outcome, latency_s)))
        ended = [notice for notice in flight.worker.notices if isinstance(notice, CallEnded)][-1]
        assert ended.probe == (flight.lease is not None and flight.operation is Operation.READ)
        if reached and outcome.value in GOOD:
            assert self.store.record.reason is None, "a probe was answered, and the mode is not restored"
            assert flight.worker.engine.sight.mode is flight.worker.engine.base
        elif reached and outcome is not Outcome.RATE_LIMITED:
            record = self.store.record
            assert record.reason is Reason.PROBE_FAILED, "a probe failed, and the mode is not held again"
            assert abs(record.until - self.clock.wall() - HOLD_S) < ROUNDING_S, "not for a full hold"
        flight.worker.notices.clear()

    def _probe_counts(self, flight: Flight) -> bool:
        """Whether this flight is the probe of the hold that is in force, in time, with a store that hears of it."""
        if flight.lease is None or flight.worker.engine.sight.alone or self.store.is_away:
            return False
        token, generation, until = flight.lease
        record = self.store.record
        return (record.lease, record.generation) == (token, generation) and until > self.clock.wall()

    def _called(self, flight: Flight, outcome: Outcome, latency_s: float) -> Called:
        if outcome is Outcome.NOT_FOUND:
            return Called(value=Answer(text="", found=False), latency_s=latency_s)
        if outcome is Outcome.ANSWERED:
            text = f"{flight.user}|{flight.thread}|{self.clock.wall()!r}"
            return Called(value=Answer(text=text), latency_s=latency_s)
        return Called(failure=ZepFailure(outcome, "scripted", retry_after_s=400.0), latency_s=latency_s)

    def cancel(self, flight: Flight) -> None:
        self.flights.remove(flight)
        try:
            self.drive(flight, error=KeyboardInterrupt())
        except KeyboardInterrupt:
            flight.worker.check_mode()
        if flight.lease is not None and not flight.worker.engine.sight.alone:
            assert self.store.record.lease != flight.lease[0], "a cancelled probe keeps its lease"

    def _check_result(self, flight: Flight, result: ContextResult | None) -> None:
        if not isinstance(result, ContextResult):
            return
        if not result.text:
            return
        user, thread, stamp = result.text.split("|")
        assert (user, thread) == (flight.user, flight.thread), "a context reached another user"
        age_s = self.clock.wall() - float(stamp)
        if result.status is ContextStatus.CACHED:
            assert age_s < FRESH_S + ROUNDING_S, "fresh no more"
        if result.status is ContextStatus.STALE:
            assert age_s <= STALE_S + ROUNDING_S, "too old"
        if result.status in (ContextStatus.CACHED, ContextStatus.STALE):
            assert result.mode.reads, "memory in write_only"
            self._not_forgotten(flight, float(stamp))
        self.store.reached.append(f"context {result.status}")

    def _not_forgotten(self, flight: Flight, stamp: float) -> None:
        """An operator's drop is seen within the view's age, by whoever can see the store."""
        forgot = max(self.store.forgotten.get(flight.user, 0.0), self.store.forgotten.get(flight.thread, 0.0))
        seen = flight.begun > forgot + VIEW_S and not flight.worker.engine.sight.alone
        if seen and forgot > self.store.flushed_at:
            assert stamp >= forgot, "a context that an operator dropped came back"

    def forget(self, *, user: str = "", thread: str = "") -> None:
        if user:
            self.store.forget_user(user)
        else:
            self.store.forget_thread(thread)
        self.store.forgotten[user or thread] = self.clock.wall()
        self.store.pauses.pop(thread, None)

    def turn(self, worker: Worker, outcome: Outcome, latency_s: float = 0.1) -> None:
        """A whole turn on a thread of its own."""
        self.threads += 1
        flight = self.begin_read(worker, "u", f"once{self.threads}")
        if flight in self.flights:
            self.end(flight, outcome, latency_s)

    def restart(self, index: int, base: Mode) -> None:
        """The process dies, with what it had under way; another takes its place."""
        dead = self.workers[index]
        for flight in [flight for flight in self.flights if flight.worker is dead]:
            self.flights.remove(flight)
            flight.steps.close()
        self.workers[index] = self.start(f"w{index}", base)

    def look(self) -> None:
        """Each process asks for its mode."""
        for worker in self.workers:
            self.drive(Flight(worker, worker.engine.look(), Operation.READ, self.clock.wall()))

    def heal(self) -> None:
        """After the last fault: restored within one hold and one message."""
        self.store.back()
        for index, worker in enumerate(self.workers):
            if worker.engine.base is not Mode.READ_WRITE:
                self.restart(index, Mode.READ_WRITE)
        for flight in list(self.flights):
            self.end(flight, Outcome.ANSWERED)
        self.clock.advance(2.0)
        self.look()
        record = self.store.record
        rest = max(record.until, record.lease_until, record.read.open_until, record.read.trial_until)
        self.clock.advance(max(VIEW_S, rest - self.clock.wall()) + 0.25)
        self.turn(self.workers[0], Outcome.ANSWERED)
        self.clock.advance(1.1)
        self.look()
        for worker in self.workers:
            assert worker.engine.sight.mode is Mode.READ_WRITE, "not restored within one hold and one message"
        assert self.store.record.read.closed
