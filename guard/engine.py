"""What a guarded call does, step by step, as generators that yield commands.

The engine decides and nothing else: a shell (``guard.service``, later an async one and a simulator) carries out each
command and sends its result back in. No transition logic stands outside this module and ``guard.core``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any

from guard.core.admission import Admission, Verdict, admit_read, admit_write, effective_mode
from guard.core.events import AcquireProbe, AcquireTrial, Effect, EffectKind, Event, Expire, Report, Ticket
from guard.core.modes import Mode
from guard.core.record import Record
from guard.core.results import ContextResult, ContextStatus
from guard.core.table import Operation, Outcome, Pause
from guard.store.protocol import Applied, ThreadEntry
from guard.zep.calls import Answer, ZepCalls, ZepFailure

__all__ = [
    "Apply",
    "Call",
    "CallEnded",
    "Called",
    "Command",
    "LookUp",
    "NegativeHit",
    "Notice",
    "Tell",
    "Transition",
    "View",
    "WriteResult",
    "read_context",
    "write",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class CallEnded:
    """A call to Zep has ended; ``failures`` is the fleet's count after it was reported."""

    operation: Operation
    outcome: Outcome
    latency_s: float
    thread_id: str
    failures: int
    probe: bool = False
    message: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Transition:
    """A step changed the record; told once, by the process whose step it was."""

    effects: tuple[Effect, ...]
    record: Record
    now: float


@dataclass(frozen=True, kw_only=True, slots=True)
class NegativeHit:
    """A read was answered by the thread's negative entry, without a call."""

    thread_id: str
    why: Pause


Notice = CallEnded | Transition | NegativeHit


@dataclass(frozen=True, slots=True)
class View:
    """Give the record as this process last saw it, at most a second old."""


@dataclass(frozen=True, slots=True)
class Apply:
    """Apply an event in the store."""

    event: Event


@dataclass(frozen=True, slots=True)
class LookUp:
    """Give what the fleet knows of a thread."""

    thread_id: str


@dataclass(frozen=True, slots=True)
class Call:
    """Make one call to Zep."""

    operation: Operation
    perform: Callable[[ZepCalls], Any]


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell logs and metrics."""

    notice: Notice


@dataclass(frozen=True, kw_only=True, slots=True)
class Called:
    """What came of a ``Call``: a value or a failure, after so many seconds."""

    value: Any = None
    failure: ZepFailure | None = None
    latency_s: float

    @property
    def outcome(self) -> Outcome:
        """The row of the transition table."""
        if self.failure is not None:
            return self.failure.outcome
        if isinstance(self.value, Answer) and not self.value.found:
            return Outcome.NOT_FOUND
        return Outcome.ANSWERED


Command = View | Apply | LookUp | Call | Tell


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteResult:
    """What came of a guarded write; not ``sent`` means that the mode or the breaker said no."""

    sent: bool
    value: Any = None
    failure: ZepFailure | None = None
    detail: str = ""

    @property
    def ok(self) -> bool:
        """Whether Zep took it."""
        return self.sent and self.failure is None


def read_context(base: Mode, thread_id: str, token: str) -> Generator[Command, Any, ContextResult]:
    """Read the context of a thread, if mode, hold, breaker and the thread's pause allow it.

    Args:
        base: base mode of this process.
        thread_id: a checked id.
        token: unique to this call; names its lease if it becomes the probe or the trial.
    """
    seen: Applied = yield View()
    admission = admit_read(base, seen.record, seen.now)
    if admission.verdict is Verdict.EXPIRE:
        return (yield from _expire(base, admission))
    if admission.verdict is Verdict.SKIP:
        return _skipped(admission)
    version: int | None = None
    if admission.verdict is not Verdict.PROBE:
        entry: ThreadEntry = yield LookUp(thread_id)
        version = entry.version
        if entry.pause_until > seen.now:
            yield Tell(NegativeHit(thread_id=thread_id, why=entry.why))
            return ContextResult(status=ContextStatus.NEGATIVE, mode=admission.mode, detail=entry.why)
    ticket = yield from _take(admission, token)
    if ticket is None:
        detail = "probe_elsewhere" if admission.verdict is Verdict.PROBE else "breaker_open"
        return _skipped(replace(admission, detail=detail))
    called: Called = yield Call(Operation.READ, lambda zep: zep.read_context(thread_id))
    applied = yield from _report(ticket, called, thread_id, version)
    return _context(called, effective_mode(base, applied.record))


def write(
    base: Mode, thread_id: str, perform: Callable[[ZepCalls], Any], token: str
) -> Generator[Command, Any, WriteResult]:
    """Make one call of a delivery, if mode and write breaker allow it.

    Args:
        base: base mode of this process.
        thread_id: the thread that it is for.
        perform: the call itself.
        token: unique to this call.
    """
    seen: Applied = yield View()
    admission = admit_write(base, seen.record, seen.now)
    if admission.verdict is Verdict.SKIP:
        return WriteResult(sent=False, detail=admission.detail)
    ticket = yield from _take(admission, token)
    if ticket is None:
        return WriteResult(sent=False, detail="breaker_open")
    called: Called = yield Call(Operation.WRITE, perform)
    yield from _report(ticket, called, thread_id)
    return WriteResult(sent=True, value=called.value, failure=called.failure)


def _take(admission: Admission, token: str) -> Generator[Command, Any, Ticket | None]:
    """Get the lease that the verdict asks for, if any; None if somebody else has it."""
    ticket = admission.ticket
    if admission.verdict is Verdict.GO:
        return ticket
    event: AcquireProbe | AcquireTrial
    if admission.verdict is Verdict.PROBE:
        event = AcquireProbe(generation=ticket.generation, token=token)
    else:
        event = AcquireTrial(operation=ticket.operation, era=ticket.era, token=token)
    applied: Applied = yield Apply(event)
    return replace(ticket, token=token) if applied.did(EffectKind.GRANTED) else None


def _expire(base: Mode, admission: Admission) -> Generator[Command, Any, ContextResult]:
    applied: Applied = yield Apply(Expire(generation=admission.ticket.generation))
    yield Tell(Transition(effects=applied.effects, record=applied.record, now=applied.now))
    mode = effective_mode(base, applied.record)
    return ContextResult(status=ContextStatus.SKIPPED, mode=mode, detail=admission.detail)


def _report(
    ticket: Ticket, called: Called, thread_id: str, thread_version: int | None = None
) -> Generator[Command, Any, Applied]:
    event = Report(
        ticket=ticket,
        outcome=called.outcome,
        retry_after_s=called.failure.retry_after_s if called.failure else 0.0,
        thread_id=thread_id,
        thread_version=thread_version,
    )
    applied: Applied = yield Apply(event)
    counted = [int(e.detail) for e in applied.effects if e.kind is EffectKind.FAILURE_COUNTED]
    yield Tell(
        CallEnded(
            operation=ticket.operation,
            outcome=called.outcome,
            latency_s=called.latency_s,
            thread_id=thread_id,
            failures=counted[0] if counted else applied.record.failures,
            probe=bool(ticket.token) and ticket.phase == "probe",
            message=str(called.failure or ""),
        )
    )
    if applied.effects:
        yield Tell(Transition(effects=applied.effects, record=applied.record, now=applied.now))
    return applied


def _skipped(admission: Admission) -> ContextResult:
    return ContextResult(status=ContextStatus.SKIPPED, mode=admission.mode, detail=admission.detail)


def _context(called: Called, mode: Mode) -> ContextResult:
    if called.failure is not None:
        return ContextResult(status=ContextStatus.FAILED, mode=mode, detail=called.outcome, latency_s=called.latency_s)
    answer: Answer = called.value
    status = ContextStatus.FRESH if answer.text else ContextStatus.EMPTY
    detail = "" if answer.found else Outcome.NOT_FOUND.value
    return ContextResult(text=answer.text, status=status, mode=mode, detail=detail, latency_s=called.latency_s)
