"""The processes of a run: each has the real engine, and is interpreted here as the guard's own shells interpret it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any, Protocol, TypeVar

from guard.core.modes import Mode
from guard.core.settings import Settings
from guard.core.table import Operation
from guard.engine import Ask, Call, Called, Command, Engine, Steps, Tell, WriteResult
from guard.errors import StoreUnavailable
from guard.notices import StoreAnswered
from guard.outbox.dbapi import DbApiRows
from guard.outbox.delivery import CALLS_A_BATCH_MAX, POLL_S, deliver
from guard.outbox.rows import Batch
from guard.store.shared import RedisStore
from guard.zep.calls import OutgoingMessage, ZepFailure
from zepguard.history.events import (
    ClockMoved,
    Crashed,
    Died,
    Event,
    ReadEnded,
    ReadReturned,
    ReadSent,
    Saw,
    Started,
    Step,
    StoreBack,
    StoreLost,
    WriteEnded,
    WriteSent,
)
from zepguard.simulate.database import Database
from zepguard.simulate.plan import Fault, Process, Turn
from zepguard.simulate.timeline import START, Course, Timeline
from zepguard.simulate.witness import WatchedRows, WatchedStore
from zepguard.simulate.zep import Zep, ZepLine

__all__ = ["NAMESPACE", "Fleet", "Task", "Worker"]

T = TypeVar("T")

NAMESPACE = "zepguard"
_PARALLEL = 2
"""Batches under way at once in a delivering process."""


class _Cancelled(BaseException):
    """The turn was cancelled while Zep was called, as a coroutine is."""


@dataclass(slots=True)
class Task:
    """What a course is about, and where its draws come from.

    Attributes:
        key: names it, the same in each run of the seed.
        process: whose it is.
        rng: draws what becomes of its commands and calls.
        step: the step of the record that is under way, by name.
        admitted: mode of the process and time when its call was admitted.
        cancel_after_s: its read is given up after so long; 0 for never.
        calling: the request to Zep that is under way.
    """

    key: str
    process: str
    rng: Random
    step: tuple[str, Step] | None = None
    admitted: tuple[str, float] | None = None
    cancel_after_s: float = 0.0
    calling: str = ""


class Fleet(Protocol):
    """What a process needs of the run that it is part of."""

    timeline: Timeline
    settings: Settings
    database: Database
    zep: Zep
    steps: count[int]

    def record(self, event: Event) -> None:
        """Write down an event."""

    def client(self) -> Any:
        """Make a connection to the store."""

    def faults(self, kinds: str, process: str) -> list[Fault]:
        """The faults in force."""

    def rng(self, key: str) -> Random:
        """Make a source of draws."""

    def alias(self, outbox_id: str) -> str:
        """The history's name of a message."""

    def is_dead(self, outbox_id: str) -> bool:
        """Whether there is a dead letter of it."""

    def undelivered(self) -> bool:
        """Whether the outbox holds anything that Zep is to get yet."""


class Worker:
    """One process, from its start to its death.

    Args:
        fleet: the run.
        process: what it is.
        life: how many have had this name before.
        offset_s: how far its wall clock is from the true one.
    """

    def __init__(self, fleet: Fleet, process: Process, life: int, offset_s: float) -> None:
        self._fleet = fleet
        self._timeline = fleet.timeline
        self._process = process
        self._life = life
        self.offset_s = offset_s
        self.alive = True
        self.settings = fleet.settings
        self._tokens = count()
        self._requests = count()
        self._deliveries = count()
        self._courses: dict[Course, None] = {}
        self._busy = 0
        self._polling = False
        self.engine = Engine(
            Mode(process.base),
            fleet.settings.policy,
            worker=self.name,
            calls_max=fleet.settings.calls_max,
            monotonic=lambda: self._timeline.now,
            wall=self.wall,
            token=lambda: f"{self.name}.{life}-{next(self._tokens)}",
        )
        self._mode = str(self.engine.sight.mode)
        self._store = WatchedStore(
            RedisStore(fleet.client(), namespace=NAMESPACE, policy=fleet.settings.policy),
            self.name,
            begin=self._begin,
            decided=self._decided,
            record=fleet.record,
            now=lambda: self._timeline.now,
            numbers=fleet.steps,
        )
        self._rows = WatchedRows(
            DbApiRows(fleet.database.connect),
            alias=fleet.alias,
            is_dead=fleet.is_dead,
            record=fleet.record,
            now=lambda: self._timeline.now,
        )
        self._record(Started(at=self._timeline.now, process=self.name, base=process.base))

    @property
    def name(self) -> str:
        """Of the process."""
        return self._process.name

    @property
    def process(self) -> Process:
        """What it is."""
        return self._process

    def wall(self) -> float:
        """Unix seconds by its own clock."""
        return START + self._timeline.now + self.offset_s

    def _database_clock(self) -> float:
        """Unix seconds by the clock of the outbox's database, which all who deliver go by."""
        return START + self._timeline.now

    def move_clock(self, by_s: float) -> None:
        """Set its wall clock."""
        self.offset_s += by_s
        self._record(ClockMoved(at=self._timeline.now, process=self.name, by_s=by_s))

    def kill(self) -> None:
        """End it where it stands."""
        self.alive = False
        self._record(Died(at=self._timeline.now, process=self.name))
        for course in list(self._courses):
            course.kill()

    def _record(self, event: Event) -> None:
        self._fleet.record(event)

    # -- courses -----------------------------------------------------------------------------------------------------

    def start(self, key: str, work: Callable[[], None], *, cancel_after_s: float = 0.0) -> None:
        """Start work in this process; what it raises is a finding."""

        def run() -> None:
            try:
                work()
            except _Cancelled:
                return
            except Exception as error:
                self._record(
                    Crashed(at=self._timeline.now, process=self.name, error=f"{type(error).__name__}: {error}")
                )

        task = Task(key, self.name, self._fleet.rng(key), cancel_after_s=cancel_after_s)
        self._courses[self._timeline.start(task, run, self._ended)] = None

    def _ended(self, course: Course) -> None:
        self._courses.pop(course, None)

    @property
    def task(self) -> Task:
        """What runs now."""
        course = self._timeline.course
        assert course is not None
        task: Task = course.about
        return task

    def _begin(self, call: str, step: Step) -> Callable[[], None]:
        task = self.task
        before, task.step = task.step, (call, step)

        def end() -> None:
            task.step = before

        return end

    def _decided(self) -> None:
        if self.task.admitted is None:
            self.task.admitted = (str(self.engine.sight.mode), self._timeline.now)

    # -- the interpreter ---------------------------------------------------------------------------------------------

    def run(self, steps: Steps[T]) -> T:
        """Carry out what the engine says, in virtual time."""
        try:
            command = next(steps)
            while True:
                try:
                    answer = self._carry_out(command)
                except _Cancelled as interruption:
                    command = steps.throw(interruption)
                else:
                    command = steps.send(answer)
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            if self.alive:
                self._look()

    def _look(self) -> None:
        mode = str(self.engine.sight.mode)
        if mode != self._mode:
            self._mode = mode
            self._record(Saw(at=self._timeline.now, process=self.name, mode=mode))

    def _carry_out(self, command: Command) -> Any:
        if isinstance(command, Tell):
            self._tell(command)
            self._look()
            return None
        self._look()
        if isinstance(command, Ask):
            try:
                return command.ask(self._store)
            except StoreUnavailable as error:
                return error
        return self._call(command)

    def _tell(self, told: Tell) -> None:
        if isinstance(told.notice, StoreAnswered):
            kind = StoreBack if told.notice.error is None else StoreLost
            self._record(kind(at=self._timeline.now, process=self.name))

    def _call(self, call: Call) -> Called:
        began = self._timeline.now
        request = f"{self.name}.{self._life}-{call.operation}{next(self._requests)}"
        if call.operation is Operation.READ:
            self._read_leaves(request)
        task, outcome = self.task, "cancelled"
        task.calling = request
        try:
            value = call.perform(self._line(call.operation, request))
            outcome = "answered"
        except ZepFailure as failure:
            outcome = str(failure.outcome)
            return Called(failure=failure, latency_s=self._timeline.now - began)
        finally:
            task.calling = ""
            if call.operation is Operation.READ and self.alive:
                self._record(ReadEnded(at=self._timeline.now, request=request, outcome=outcome))
        return Called(value=value, latency_s=self._timeline.now - began)

    def _read_leaves(self, request: str) -> None:
        self._decided()
        task = self.task
        assert task.admitted is not None
        mode, decided_at = task.admitted
        self._record(
            ReadSent(at=self._timeline.now, process=self.name, request=request, mode=mode, decided_at=decided_at)
        )
        if task.cancel_after_s:
            course = self._timeline.course
            assert course is not None
            self._timeline.after(task.cancel_after_s, lambda: self._cancel(course, request))

    def _cancel(self, course: Course, request: str) -> None:
        if course.about.calling == request and not course.ended:
            course.interrupt(_Cancelled())

    def _line(self, operation: Operation, request: str) -> ZepLine:
        return ZepLine(
            self._fleet.zep,
            self._timeline,
            operation=operation,
            request=request,
            deadline_s=self.settings.timeout_s,
            faults=lambda: self._fleet.faults("", self.name),
            rng=self.task.rng,
            sent=self._write_leaves,
            ended=self._write_ended,
        )

    def _write_leaves(self, request: str, messages: Sequence[OutgoingMessage]) -> None:
        names = tuple(self._fleet.alias(message.outbox_id) for message in messages)
        self._record(WriteSent(at=self._timeline.now, process=self.name, request=request, messages=names))

    def _write_ended(self, request: str, outcome: str) -> None:
        self._record(WriteEnded(at=self._timeline.now, request=request, outcome=str(outcome)))

    # -- what it does ------------------------------------------------------------------------------------------------

    def read(self, turn: Turn) -> None:
        """Read the context of a turn."""
        began_at = self._timeline.now
        result = self.run(self.engine.read_context(turn.user, turn.thread))
        self._record(
            ReadReturned(
                at=self._timeline.now,
                process=self.name,
                began_at=began_at,
                status=str(result.status),
                detail=result.detail,
            )
        )

    def write(self, thread_id: str, perform: Callable[[Any], Any]) -> WriteResult:
        """Make one call of a delivery; what ``guard.outbox.delivery`` asks of a service."""
        return self.run(self.engine.write(thread_id, perform))

    def nudge(self) -> None:
        """Look at the outbox, and go on until there is nothing left."""
        if self.alive and self._process.delivers and not self._polling:
            self._polling = True
            self.start(f"{self.name}.{self._life} polls {next(self._deliveries)}", self._poll)

    def _poll(self) -> None:
        lease_s = CALLS_A_BATCH_MAX * self.settings.timeout_s + 1.0
        try:
            while self._fleet.undelivered():
                batch = self._claim(lease_s) if self._busy < _PARALLEL else None
                if batch is None:
                    self._timeline.sleep(POLL_S)
                else:
                    self._deliver(batch)
        finally:
            self._polling = False

    def _claim(self, lease_s: float) -> Batch | None:
        batch: Batch | None = self._rows.claim(
            now=self._database_clock(), lease_s=lease_s, settle_s=self.settings.outbox_settle_s
        )
        return batch

    def _deliver(self, batch: Batch) -> None:
        self._busy += 1

        def work() -> None:
            try:
                deliver(self, self._rows, batch, clock=self._database_clock, draw=self.task.rng.random)  # type: ignore[arg-type]
            finally:
                self._busy -= 1

        self.start(f"{self.name}.{self._life} delivers {next(self._deliveries)}", work)
