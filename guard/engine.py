"""What a guarded call does, step by step, as generators that yield commands.

The engine decides and nothing else: a shell (``guard.service`` for threads, ``guard.async_service`` for coroutines, the
simulator for virtual time) carries out each command and sends its result back in. No transition logic stands outside
this module, ``guard.sight`` and ``guard.core``.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from guard.contexts import Contexts
from guard.core.admission import Admission, Verdict, admit_read, admit_write, effective_mode
from guard.core.events import (
    AcquireProbe,
    AcquireTrial,
    EffectKind,
    Event,
    Expire,
    GiveUp,
    Policy,
    Report,
    Ticket,
)
from guard.core.modes import Mode
from guard.core.results import ContextResult, ContextStatus
from guard.core.table import Operation, Outcome
from guard.errors import StoreUnavailable
from guard.notices import CallEnded, CallSent, ContextKept, Full, NegativeHit, Notice, StoreAnswered, Transition
from guard.sight import Sight
from guard.store.protocol import CONTEXT_CHARACTERS_MAX, Applied, Kept, ThreadEntry
from guard.zep.calls import Answer, ZepFailure

__all__ = ["Ask", "Call", "Called", "Command", "Engine", "Steps", "Tell", "WriteResult"]

CALLS_MAX = 32
"""Calls to Zep under way at once, of each operation, in one process."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the store (``Store`` or ``AsyncStore``); its answer, or the ``StoreUnavailable`` it raised, is sent in."""

    ask: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Call:
    """Make one call to Zep (``ZepCalls`` or ``AsyncZepCalls``); a ``Called`` is sent in.

    A shell that is interrupted meanwhile throws that in: the engine gives back what the call held, then raises it.
    """

    operation: Operation
    perform: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell logs and metrics."""

    notice: Notice


@dataclass(kw_only=True, slots=True)  # not frozen: made with each call, and frozen ones cost three times as much
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


Command = Ask | Call | Tell
Steps = Generator[Command, Any, T]


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteResult:
    """What came of a guarded write; not ``sent`` means that the mode, the breaker or the bulkhead said no."""

    sent: bool
    value: Any = None
    failure: ZepFailure | None = None
    detail: str = ""

    @property
    def ok(self) -> bool:
        """Whether Zep took it."""
        return self.sent and self.failure is None


@dataclass(slots=True)
class _Read:
    """A read under way: whose, what was decided, and what is known of its thread."""

    user_id: str
    thread_id: str
    admission: Admission
    epoch: int
    kept: Kept | None
    version: int | None = None

    def text(self, oldest: float) -> Kept | None:
        """A context to fall back on, kept at ``oldest`` (unix seconds) or later."""
        return self.kept if self.kept is not None and self.kept.at >= oldest else None


class Engine:
    """Guards the calls of one process.

    Args:
        base: base mode of this process.
        policy: thresholds and times.
        worker: names this process among the fleet's.
        calls_max: calls under way at once, of each operation.
        monotonic: gives seconds that never jump.
        wall: gives unix seconds, for a process that never saw the store.
        token: makes the name of a lease, unique to a call.
    """

    def __init__(
        self,
        base: Mode,
        policy: Policy,
        *,
        worker: str,
        calls_max: int = CALLS_MAX,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        token: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self.base = base
        self.policy = policy
        self.worker = worker
        self.sight = Sight(base, policy, worker=worker, monotonic=monotonic, wall=wall)
        self._contexts = Contexts()
        self._monotonic = monotonic
        self._token = token
        # Taking from a deque and giving back are one step each, in threads, greenlets and coroutines alike.
        self._free = {operation: deque([None] * calls_max) for operation in Operation}

    # -- the mode ----------------------------------------------------------------------------------------------------

    def look(self) -> Steps[Mode]:
        """See the record, at most ``VIEW_AGE_S_MAX`` old; gives the effective mode."""
        yield from self._see()
        return self.sight.mode

    def _see(self) -> Steps[None]:
        sight = self.sight
        if sight.refreshing.acquire(blocking=False):
            try:
                yield from self._refresh()
            finally:
                sight.refreshing.release()
        elif sight.overdue:  # another call is at it, and nothing is known that is new enough to go by meanwhile
            yield from self._refresh()

    def _refresh(self) -> Steps[None]:
        sight = self.sight
        if sight.alone:
            yield from self._return()
            return
        asked_at = self._monotonic()
        applied = yield from self._ask(lambda store: store.snapshot())
        if applied is None:
            return
        if sight.forgot(applied):
            yield from self._return(forced=True)
        else:
            sight.keep(applied, asked_at)

    def _return(self, *, forced: bool = False) -> Steps[bool]:
        """Join the store again, if it may be asked and answers; True once its record decides."""
        sight = self.sight
        if not (forced or sight.retry_due()):
            return False
        join, was_alone = sight.rejoin(), sight.alone
        applied = yield from self._ask(lambda store: store.apply(join))
        if applied is None:
            return False
        sight.joined(applied)
        if was_alone:
            yield Tell(StoreAnswered(None))
        yield from self._told(applied)
        unsent = sight.take_unsent()
        if unsent is not None:
            yield from self._apply(unsent)
        return True

    # -- the store ---------------------------------------------------------------------------------------------------

    def _ask(self, ask: Callable[[Any], Any]) -> Steps[Any]:
        """Ask the store; None if it is away, and from then on this process goes on alone."""
        answer = yield Ask(ask)
        if isinstance(answer, StoreUnavailable):
            self.sight.lost()
            yield Tell(StoreAnswered(answer))
            return None
        return answer

    def _apply(self, event: Event) -> Steps[Applied]:
        """Apply an event in the store, or to this process's own state while it is away; tells what it changed."""
        sight = self.sight
        alone = sight.step_alone(event)
        if alone is not None:
            return alone
        asked_at = self._monotonic()
        applied: Applied | None = yield from self._ask(lambda store: store.apply(event))
        if applied is None:
            return sight.step_alone(event) or sight.now()
        if sight.forgot(applied):
            yield from self._return(forced=True)
        sight.keep(applied, asked_at)
        return applied

    def _told(self, applied: Applied) -> Steps[None]:
        if applied.effects:
            alone = applied.record.generation < 0
            yield Tell(Transition(effects=applied.effects, record=applied.record, now=applied.now, alone=alone))

    # -- reads -------------------------------------------------------------------------------------------------------

    def read_context(self, user_id: str, thread_id: str) -> Steps[ContextResult]:
        """Read the context of a user's thread, as mode, hold, breaker, cache and the thread's pause allow.

        Args:
            user_id: a checked id.
            thread_id: a checked id.
        """
        sight = self.sight
        if self._monotonic() >= sight.fresh_until:
            yield from self._see()
        now, record = sight.present(), sight.record
        admission = sight.read_go or admit_read(self.base, record, now, alone=sight.alone)
        if admission.verdict is Verdict.EXPIRE:
            return (yield from self._expire(admission))
        epoch = record.epoch
        kept = self._contexts.get(user_id, thread_id, epoch) if admission.mode.reads else None
        read = _Read(user_id, thread_id, admission, epoch, kept)
        if admission.verdict is Verdict.SKIP:
            return (yield from self._unread(read, now, ContextStatus.SKIPPED, admission.detail))
        if admission.verdict is Verdict.PROBE:
            return (yield from self._read(read, now))
        if self._fresh(kept, now):
            return (yield from self._from_cache(read, now, ContextStatus.CACHED, "process"))
        return (yield from self._past_cache(read, now))

    def _fresh(self, kept: Kept | None, now: float) -> bool:
        return kept is not None and kept.at > now - self.policy.cache_fresh_s

    def _past_cache(self, read: _Read, now: float) -> Steps[ContextResult]:
        """Look into the store's layer; go to Zep unless it has the answer, a pause, or somebody who is at it."""
        entry = yield from self._entry(read)
        if entry.kept is not None and (read.kept is None or entry.kept.at >= read.kept.at):
            read.kept = entry.kept
            self._contexts.put(read.user_id, read.thread_id, read.epoch, entry.kept)
        if self._fresh(read.kept, now):
            return (yield from self._from_cache(read, now, ContextStatus.CACHED, "store"))
        if entry.pause_until > now:
            yield Tell(NegativeHit(thread_id=read.thread_id, why=entry.why))
            return (yield from self._unread(read, now, ContextStatus.NEGATIVE, entry.why))
        if read.text(now - self.policy.cache_stale_s) is not None and not self.sight.alone:
            lease_s = self.policy.lease_s
            mine = yield from self._ask(lambda store: store.claim_refresh(read.thread_id, lease_s=lease_s))
            if mine is False:
                return (yield from self._unread(read, now, ContextStatus.SKIPPED, "refreshing"))
        read.version = entry.version
        return (yield from self._read(read, now))

    def _entry(self, read: _Read) -> Steps[ThreadEntry]:
        if self.sight.alone:
            return ThreadEntry()
        found = yield from self._ask(lambda store: store.thread_entry(read.thread_id, read.user_id))
        return found if isinstance(found, ThreadEntry) else ThreadEntry()

    def _from_cache(self, read: _Read, now: float, status: ContextStatus, detail: str) -> Steps[ContextResult]:
        assert read.kept is not None
        yield Tell(ContextKept(thread_id=read.thread_id, age_s=now - read.kept.at))
        return ContextResult(text=read.kept.text, status=status, mode=read.admission.mode, detail=detail)

    def _unread(self, read: _Read, now: float, status: ContextStatus, detail: str) -> Steps[ContextResult]:
        """No call to Zep: a context kept before is better than none, if it is not too old."""
        if read.text(now - self.policy.cache_stale_s) is not None:
            return (yield from self._from_cache(read, now, ContextStatus.STALE, detail))
        return ContextResult(status=status, mode=read.admission.mode, detail=detail)

    def _read(self, read: _Read, now: float) -> Steps[ContextResult]:
        free = self._free[Operation.READ]
        try:
            slot = free.pop()
        except IndexError:
            yield Tell(Full(Operation.READ))
            return (yield from self._unread(read, now, ContextStatus.SKIPPED, "bulkhead_full"))
        try:
            admission = read.admission
            ticket = admission.ticket if admission.verdict is Verdict.GO else (yield from self._take(admission))
            if ticket is None:
                probe = read.admission.verdict is Verdict.PROBE
                detail = "probe_elsewhere" if probe else "breaker_open"
                return (yield from self._unread(read, now, ContextStatus.SKIPPED, detail))
            thread_id = read.thread_id
            called = yield from self._call(ticket, Operation.READ, lambda zep: zep.read_context(thread_id))
            applied = yield from self._report(self._report_of_read(ticket, called, read), called)
        finally:
            free.append(slot)
        return (yield from self._context(read, called, applied))

    def _context(self, read: _Read, called: Called, applied: Applied) -> Steps[ContextResult]:
        mode = effective_mode(self.base, applied.record)
        if called.failure is not None:
            result = ContextResult(
                status=ContextStatus.FAILED, mode=mode, detail=called.outcome, latency_s=called.latency_s
            )
            kept = read.text(applied.now - self.policy.cache_stale_s) if mode.reads else None
            if kept is None:
                return result
            yield Tell(ContextKept(thread_id=read.thread_id, age_s=applied.now - kept.at))
            return replace(result, status=ContextStatus.STALE, text=kept.text)
        answer: Answer = called.value
        status = ContextStatus.FRESH if answer.text else ContextStatus.EMPTY
        if 0 < len(answer.text) <= CONTEXT_CHARACTERS_MAX:
            kept = Kept(answer.text, applied.now)
            self._contexts.put(read.user_id, read.thread_id, read.epoch, kept)
        detail = "" if answer.found else Outcome.NOT_FOUND.value
        return ContextResult(text=answer.text, status=status, mode=mode, detail=detail, latency_s=called.latency_s)

    def _expire(self, admission: Admission) -> Steps[ContextResult]:
        applied = yield from self._apply(Expire(generation=admission.ticket.generation))
        yield from self._told(applied)
        mode = effective_mode(self.base, applied.record)
        return ContextResult(status=ContextStatus.SKIPPED, mode=mode, detail=admission.detail)

    # -- writes ------------------------------------------------------------------------------------------------------

    def write(self, thread_id: str, perform: Callable[[Any], Any]) -> Steps[WriteResult]:
        """Make one call of a delivery, if mode, write breaker and bulkhead allow it.

        Args:
            thread_id: the thread that it is for.
            perform: the call itself, given the way to Zep.
        """
        sight = self.sight
        if self._monotonic() >= sight.fresh_until:
            yield from self._see()
        admission = sight.write_go or admit_write(self.base, sight.record, sight.present())
        if admission.verdict is Verdict.SKIP:
            return WriteResult(sent=False, detail=admission.detail)
        free = self._free[Operation.WRITE]
        try:
            slot = free.pop()
        except IndexError:
            yield Tell(Full(Operation.WRITE))
            return WriteResult(sent=False, detail="bulkhead_full")
        try:
            ticket = admission.ticket if admission.verdict is Verdict.GO else (yield from self._take(admission))
            if ticket is None:
                return WriteResult(sent=False, detail="breaker_open")
            called = yield from self._call(ticket, Operation.WRITE, perform)
            yield from self._report(self._report_of(ticket, called, thread_id), called)
        finally:
            free.append(slot)
        return WriteResult(sent=True, value=called.value, failure=called.failure)

    # -- one call ----------------------------------------------------------------------------------------------------

    def _take(self, admission: Admission) -> Steps[Ticket | None]:
        """Get the lease that the verdict asks for; None if somebody else has it."""
        ticket = admission.ticket
        token = self._token()
        event: AcquireProbe | AcquireTrial
        if admission.verdict is Verdict.PROBE:
            if self.sight.alone:
                return None  # the store went away since: nobody can say that no other process probes
            event = AcquireProbe(generation=ticket.generation, token=token)
        else:
            event = AcquireTrial(operation=ticket.operation, era=ticket.era, token=token)
        applied = yield from self._or_give_up(token, self._apply(event))
        return replace(ticket, token=token) if applied.did(EffectKind.GRANTED) else None

    def _or_give_up(self, token: str, steps: Steps[T]) -> Steps[T]:
        """Carry out what a lease is held or asked for in; interrupted, give it back: it may have been granted."""
        try:
            return (yield from steps)
        except GeneratorExit:
            raise
        except BaseException:
            if token:
                yield from self._apply(GiveUp(token=token))
            raise

    def _call(self, ticket: Ticket, operation: Operation, perform: Callable[[Any], Any]) -> Steps[Called]:
        yield Tell(CallSent(operation))
        return (yield from self._or_give_up(ticket.token, _made(Call(operation, perform))))

    def _report_of_read(self, ticket: Ticket, called: Called, read: _Read) -> Report:
        failure = called.failure
        return Report(
            ticket=ticket,
            outcome=called.outcome,
            retry_after_s=failure.retry_after_s if failure else 0.0,
            thread_id=read.thread_id,
            thread_version=read.version,
            latency_s=called.latency_s,
            worker=self.worker,
            user_id=read.user_id,
            context="" if failure else called.value.text,
            epoch=read.epoch,
        )

    def _report_of(self, ticket: Ticket, called: Called, thread_id: str) -> Report:
        return Report(
            ticket=ticket,
            outcome=called.outcome,
            retry_after_s=called.failure.retry_after_s if called.failure else 0.0,
            thread_id=thread_id,
            latency_s=called.latency_s,
            worker=self.worker,
        )

    def _report(self, report: Report, called: Called) -> Steps[Applied]:
        applied = yield from self._or_give_up(report.ticket.token, self._apply(report))
        failures = applied.record.failures
        for effect in applied.effects:
            if effect.kind is EffectKind.FAILURE_COUNTED:
                failures = int(effect.detail)
        ticket = report.ticket
        yield Tell(
            CallEnded(
                operation=ticket.operation,
                outcome=called.outcome,
                latency_s=called.latency_s,
                thread_id=report.thread_id,
                failures=failures,
                probe=bool(ticket.token) and ticket.phase == "probe",
                message="" if called.failure is None else str(called.failure),
            )
        )
        yield from self._told(applied)
        return applied


def _made(call: Call) -> Steps[Called]:
    called: Called = yield call
    return called
