"""One run: the plan's items happen, then the faults stop and messages go on, and every event is judged as it comes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from random import Random
from typing import Any

from guard.core.events import Clear, Force, ResetFailures
from guard.core.events import Event as StepEvent
from guard.core.modes import Reason
from guard.errors import StoreUnavailable
from guard.outbox.acceptance import Acceptance
from guard.outbox.dbapi import LETTERS, MESSAGES, accept
from guard.store.shared import RedisStore
from guard.zep.calls import OutgoingMessage
from zepguard.history import Event, Finding, Jury, all_checkers, digest
from zepguard.history import events as told
from zepguard.simulate import plan as planned
from zepguard.simulate.database import Database
from zepguard.simulate.fleet import NAMESPACE, Task, Worker
from zepguard.simulate.network import Network, client
from zepguard.simulate.plan import Plan, Process, Turn
from zepguard.simulate.server import Server
from zepguard.simulate.timeline import Timeline
from zepguard.simulate.witness import WatchedStore, state_of
from zepguard.simulate.zep import REFUSED_TEXT, Zep

__all__ = ["Outcome", "simulate"]

_RECORD = f"{NAMESPACE}:mode".encode()
_HIT_S = 6.0
"""After the last fault, what it hit is over: a step that comes late to the store comes within five seconds."""
_BETWEEN_S = 2.0
_DRAIN_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a run."""

    plan: Plan
    history: tuple[Event, ...]
    findings: tuple[Finding, ...]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the history."""
        return digest(self.history)


def simulate(plan: Plan, *, to_the_end: bool = True) -> Outcome:
    """Run a plan.

    Args:
        plan: what happens.
        to_the_end: go on after the first finding.
    """
    run = _Run(plan, to_the_end=to_the_end)
    try:
        run.carry_out()
    except _Enough:
        pass
    finally:
        run.close()
    return Outcome(plan=plan, history=tuple(run.history), findings=tuple(run.jury.findings))


class _Enough(BaseException):
    """Something was found, and no more is asked for."""


class _Run:
    """The fleet, the store, Zep and the app's database, and the book of what happens (``fleet.Fleet``)."""

    def __init__(self, plan: Plan, *, to_the_end: bool) -> None:
        self.plan = plan
        self.settings = plan.settings
        self.rules = plan.rules
        self.timeline = Timeline()
        self.history: list[Event] = []
        self.jury = Jury(all_checkers(self.rules))
        self.steps = count(1)
        self._to_the_end = to_the_end
        self._closed = False
        self._store_offset_s = 0.0
        self._server = Server(lambda: self.timeline.unix + self._store_offset_s)
        self._network = Network(
            timeline=self.timeline,
            timeout_s=self.settings.store_timeout_ms / 1000,
            faults=self.faults,
            caller=lambda: self._task,
            call=self._call,
            carried_out=self._carried_out,
        )
        self._state = state_of({})
        self.database = Database(self._transaction)
        self.zep = Zep(self._landed)
        self._aliases: dict[str, str] = {}
        self._faults: list[planned.Fault] = []
        self._lives: dict[str, int] = {}
        self._workers = {process.name: self._start(process, 0.0) for process in plan.processes}
        self._operator = WatchedStore(
            RedisStore(self.client(), namespace=NAMESPACE, policy=self.settings.policy),
            "operator",
            begin=self._begin,
            decided=lambda: None,
            record=self.record,
            now=lambda: self.timeline.now,
            numbers=self.steps,
        )

    def close(self) -> None:
        """Leave nothing behind, and say no more."""
        self._closed = True
        for worker in self._workers.values():
            if worker.alive:
                worker.kill()
        self.database.close()

    # -- what the fleet asks -----------------------------------------------------------------------------------------

    def record(self, event: Event) -> None:
        """Write an event down, and judge it."""
        if self._closed:
            return
        self.history.append(event)
        self.jury.see(event)

    def client(self) -> Any:
        """Make a connection to the store."""
        return client(self._server, self._network)

    def faults(self, kinds: str, process: str) -> list[planned.Fault]:
        """The faults in force for a process, of kinds that begin so."""
        now = self.timeline.now
        return [
            fault
            for fault in self._faults
            if fault.at <= now < min(fault.at + fault.for_s, self.plan.ends_at)
            and fault.kind.startswith(kinds)
            and fault.process in ("", process)
        ]

    def rng(self, key: str) -> Random:
        """Make a source of draws."""
        return Random(f"zepguard {self.plan.seed} {key}")

    def alias(self, outbox_id: str) -> str:
        """The history's name of a message."""
        return self._aliases[outbox_id]

    def is_dead(self, outbox_id: str) -> bool:
        """Whether there is a dead letter of it."""
        return bool(self.database.look(f"SELECT 1 FROM {LETTERS} WHERE outbox_id = '{outbox_id}'"))

    def undelivered(self) -> bool:
        """Whether the outbox holds anything that Zep is to get yet."""
        return bool(self.database.look(f"SELECT 1 FROM {MESSAGES} WHERE NOT (state = 'delivered') LIMIT 1"))

    # -- what the parts tell -----------------------------------------------------------------------------------------

    @property
    def _task(self) -> Task:
        course = self.timeline.course
        assert course is not None
        task: Task = course.about
        return task

    def _transaction(self) -> None:
        self.timeline.sleep(self._task.rng.uniform(0.0001, 0.002))

    def _call(self) -> Any:
        task = self._task
        return None if task.step is None else (task.process, *task.step)

    def _carried_out(self, call: Any) -> None:
        if call is None:
            return
        process, name, step = call
        state = state_of(self._server.hash_at(_RECORD))
        changed, self._state = state != self._state, state
        self.record(
            told.Stepped(
                at=self.timeline.now,
                process=process,
                call=name,
                step=step,
                now=self._server.clock(),
                changed=changed,
                state=state,
            )
        )

    def _landed(self, request: str, messages: Any) -> None:
        names = tuple(self.alias(message.outbox_id) for message in messages)
        texts = tuple(message.content for message in messages if isinstance(message, OutgoingMessage))
        self.record(told.Landed(at=self.timeline.now, request=request, messages=names, texts=texts))

    # -- the run -----------------------------------------------------------------------------------------------------

    def carry_out(self) -> None:
        """Let the items happen; then the calm."""
        for item in self.plan.items:
            self._arrange(item)
        self._go_on(self.plan.ends_at + self.rules.deadline_s + _HIT_S)
        self._calm()
        self.record(told.Over(at=self.timeline.now))

    def _go_on(self, until: float) -> None:
        while until - self.timeline.now > 1e-6:
            self.timeline.run(min(until, self.timeline.now + 1.0))
            if self.jury.findings and not self._to_the_end:
                raise _Enough

    def _arrange(self, item: planned.Item) -> None:
        match item:
            case Turn():
                self.timeline.at(item.at, lambda: self._turn(item, f"turn at {item.at!r} on {item.process}"))
            case planned.Fault():
                self.timeline.at(item.at, lambda: self._fault(item))
            case planned.Kill():
                self.timeline.at(item.at, lambda: self._kill(item))
            case planned.MoveClock():
                self.timeline.at(item.at, lambda: self._move_clock(item))
            case planned.Flush():
                self.timeline.at(item.at, self._flush)
            case planned.Force():
                self.timeline.at(item.at, lambda: self._operate(item))

    def _calm(self) -> None:
        """A turn for each process; one more when the last hold must be over, and again when breakers must be closed."""
        self.record(told.Calm(at=self.timeline.now))
        self._round("calm")
        hold_s = max(self.rules.hold_s, self._state.until - self._server.clock() if self._state.reason else 0.0)
        self._go_on(self.timeline.now + hold_s + self.rules.lease_s)
        self._round("after the hold")
        self._go_on(self.timeline.now + self.rules.breaker_open_s + self.rules.lease_s)
        self._round("after all")
        ends_at = self.timeline.now + _DRAIN_S + 12 * self.rules.deadline_s + 4 * self.rules.settle_s
        while self.timeline.now < ends_at and self.undelivered():
            self._go_on(self.timeline.now + 1.0)
        self._go_on(max(self.timeline.now, self.plan.ends_at + 3 * self.rules.settle_s + self.rules.deadline_s) + 0.1)

    def _round(self, name: str) -> None:
        for process in self.plan.processes:
            if not process.delivers:
                turn = Turn(at=self.timeline.now, process=process.name, user="u9", thread=f"u9-{name}-{process.name}")
                self._turn(turn, f"{name} on {process.name}")
                self._go_on(self.timeline.now + _BETWEEN_S)

    # -- what happens ------------------------------------------------------------------------------------------------

    def _start(self, process: Process, offset_s: float) -> Worker:
        life = self._lives[process.name] = self._lives.get(process.name, 0) + 1
        return Worker(self, process, life, offset_s)

    def _turn(self, turn: Turn, key: str) -> None:
        worker = self._workers[turn.process]
        if worker.alive:
            worker.start(key, lambda: self._answer(worker, turn, key), cancel_after_s=turn.cancel_after_s)

    def _answer(self, worker: Worker, turn: Turn, key: str) -> None:
        text = f"question {turn.secret} {REFUSED_TEXT if turn.refused else ''}"
        self._accept(worker, turn, key, "user", text)
        worker.read(turn)
        self.timeline.sleep(turn.reply_after_s)
        self._accept(worker, turn, key, "assistant", "reply")

    def _accept(self, worker: Worker, turn: Turn, key: str, role: str, text: str) -> None:
        connection = self.database.connect()
        outbox_ids = accept(
            connection,
            user_id=turn.user,
            thread_id=turn.thread,
            role=role,
            content=text,
            turn_id=key,
            rules=Acceptance.of(self.settings),
        )
        connection.commit_at_once()
        for outbox_id in outbox_ids:
            name = self._aliases[outbox_id] = f"m{len(self._aliases) + 1}"
            [(kept,)] = self.database.look(f"SELECT content FROM {MESSAGES} WHERE outbox_id = '{outbox_id}'")
            secrets = (turn.secret,) if turn.secret else ()
            self.record(
                told.Accepted(
                    at=self.timeline.now,
                    message=name,
                    thread=turn.thread,
                    process=worker.name,
                    text=kept,
                    secrets=secrets,
                )
            )
        connection.close()
        self._nudge_all()
        self._transaction()

    def _nudge_all(self) -> None:
        for worker in self._workers.values():
            worker.nudge()

    def _fault(self, fault: planned.Fault) -> None:
        self._faults.append(fault)
        self.record(told.Fault(at=fault.at, kind=fault.kind, for_s=fault.for_s, target=fault.process))

    def _kill(self, kill: planned.Kill) -> None:
        worker = self._workers[kill.process]
        if worker.alive:
            worker.kill()
            back_at = min(kill.at + kill.restart_after_s, max(self.plan.ends_at, kill.at))
            self.timeline.at(back_at, lambda: self._start_again(worker))

    def _start_again(self, worker: Worker) -> None:
        again = self._start(worker.process, worker.offset_s)
        self._workers[worker.name] = again
        again.nudge()

    def _move_clock(self, move: planned.MoveClock) -> None:
        if move.whose == "store":
            self._store_offset_s += move.by_s
            self.record(told.StoreClockMoved(at=move.at, by_s=move.by_s))
        else:
            self._workers[move.whose].move_clock(move.by_s)

    def _flush(self) -> None:
        self._server.flush()
        self._state = state_of({})
        self.record(told.Flushed(at=self.timeline.now))

    def _operate(self, force: planned.Force) -> None:
        events: dict[str, Callable[[], StepEvent]] = {
            "force": lambda: Force(reason=Reason.MANUAL, ttl_s=force.ttl_s),
            "clear": Clear,
            "reset_failures": ResetFailures,
        }

        def work() -> None:
            try:
                self._operator.apply(events[force.action]())
            except StoreUnavailable:
                return

        key = f"operator at {force.at!r}"
        self.timeline.start(Task(key, "operator", self.rng(key)), work, lambda course: None)

    def _begin(self, call: str, step: told.Step) -> Any:
        task = self._task
        task.step = (call, step)

        def end() -> None:
            task.step = None

        return end
