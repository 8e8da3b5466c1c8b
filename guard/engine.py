"""What a guarded call does, step by step, as generators that yield commands.

The engine decides and nothing else: a shell (``guard.service`` for threads, ``guard.async_service`` for coroutines, the
simulator for virtual time) carries out each command and sends its result back in. No transition logic stands outside
this module, ``guard.sight`` and ``guard.core``.

Most calls are clear: the view is fresh, mode and breaker let them pass, nothing is known of the thread, Zep answers,
and the report changes nothing. For these a shell may go straight (``guard.service`` does): ``begin_read`` or
``begin_write``, a place, the call, ``report``, ``settled``, ``ended``, ``context`` or ``written``. Those are
plain functions, and the steps are made of the same ones, so that each rule has one text. Where a call turns out not to
be clear, the rest of it is steps: ``read_on``, ``held_back``, ``write_on``, ``conclude``...
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar

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

__all__ = [
    "BULKHEAD_FULL",
    "Ask",
    "Call",
    "Called",
    "Command",
    "Engine",
    "GuardedRead",
    "GuardedWrite",
    "Steps",
    "Tell",
    "WriteResult",
]

CALLS_MAX = 32
"""Calls to Zep under way at once, of each operation, in one process."""

BULKHEAD_FULL = "bulkhead_full"
"""Why a call was not made: as many were under way as may be."""

# An enum's member costs 70 ns to look up on Python 3.11, a name of the module 5 (measured).
_READ, _WRITE = Operation.READ, Operation.WRITE
_GO, _TRIAL, _PROBE = Verdict.GO, Verdict.TRIAL, Verdict.PROBE
_SKIP, _EXPIRE = Verdict.SKIP, Verdict.EXPIRE
_ANSWERED, _NOT_FOUND = Outcome.ANSWERED, Outcome.NOT_FOUND
_FRESH, _EMPTY = ContextStatus.FRESH, ContextStatus.EMPTY

T = TypeVar("T")


# None of these is frozen: they are made with each call, and frozen ones cost three times as much.
@dataclass(slots=True)
class Ask:
    """Ask the store (``Store`` or ``AsyncStore``); its answer, or the ``StoreUnavailable`` it raised, is sent in."""

    ask: Callable[[Any], Any]


@dataclass(slots=True)
class Call:
    """Make one call to Zep (``ZepCalls`` or ``AsyncZepCalls``); a ``Called`` is sent in.

    A shell that is interrupted meanwhile throws that in: the engine gives back what the call held, then raises it.
    """

    operation: Operation
    perform: Callable[[Any], Any]


@dataclass(slots=True)
class Tell:
    """Tell logs and metrics."""

    notice: Notice


@dataclass(slots=True)
class Called:
    """What came of a ``Call``: a value or a failure, after so many seconds."""

    latency_s: float
    value: Any = None
    failure: ZepFailure | None = None

    @property
    def outcome(self) -> Outcome:
        """The row of the transition table."""
        if self.failure is not None:
            return self.failure.outcome
        if isinstance(self.value, Answer) and not self.value.found:
            return _NOT_FOUND
        return _ANSWERED


Command = Ask | Call | Tell
Steps = Generator[Command, Any, T]


@dataclass(slots=True, unsafe_hash=True)
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
class GuardedRead:
    """A read under way: whose, what was decided at ``now`` (unix seconds), and what is known of its thread."""

    user_id: str
    thread_id: str
    admission: Admission
    epoch: int
    kept: Kept | None
    now: float
    version: int | None = None

    operation: ClassVar[Operation] = Operation.READ
    sent: ClassVar[CallSent] = CallSent(Operation.READ)

    def perform(self, zep: Any) -> Any:
        """The call itself, given the way to Zep."""
        return zep.read_context(self.thread_id)

    def text(self, oldest: float) -> Kept | None:
        """A context to fall back on, kept at ``oldest`` (unix seconds) or later."""
        return self.kept if self.kept is not None and self.kept.at >= oldest else None


@dataclass(slots=True)
class GuardedWrite:
    """One call of a delivery under way; ``perform`` is the call itself, given the way to Zep."""

    thread_id: str
    perform: Callable[[Any], Any]
    admission: Admission

    operation: ClassVar[Operation] = Operation.WRITE
    sent: ClassVar[CallSent] = CallSent(Operation.WRITE)


Guarded = GuardedRead | GuardedWrite


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
        self.places_to_read, self.places_to_write = self._free[_READ], self._free[_WRITE]

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
            yield from self._lost(answer)
            return None
        return answer

    def _lost(self, error: StoreUnavailable) -> Steps[None]:
        self.sight.lost()
        yield Tell(StoreAnswered(error))

    def _apply(self, event: Event) -> Steps[Applied]:
        """Apply an event in the store, or to this process's own state while it is away; tells what it changed."""
        sight = self.sight
        alone = sight.step_alone(event)
        if alone is not None:
            return alone
        asked_at = self._monotonic()
        answer: Applied | StoreUnavailable = yield Ask(lambda store: store.apply(event))
        return (yield from self._answered(event, answer, asked_at))

    def _answered(self, event: Event, answer: Applied | StoreUnavailable, asked_at: float) -> Steps[Applied]:
        sight = self.sight
        if isinstance(answer, StoreUnavailable):
            yield from self._lost(answer)
            return sight.step_alone(event) or sight.now()
        if sight.forgot(answer):
            yield from self._return(forced=True)
        sight.keep(answer, asked_at)
        return answer

    def settled(self, answer: Applied, asked_at: float) -> bool:
        """Keep the store's answer to an event; False, and nothing done, where more is to be done (``concluded``)."""
        sight = self.sight
        if answer.effects or sight.forgot(answer):
            return False
        sight.keep(answer, asked_at)
        return True

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
        if self._monotonic() >= self.sight.fresh_until:
            yield from self._see()
        return (yield from self.read_on(self._begun(user_id, thread_id, self.sight.present())))

    def begin_read(self, user_id: str, thread_id: str) -> GuardedRead | None:
        """Decide on a read by a view that is fresh; None if it is not, and ``read_context`` has to look first."""
        at = self._monotonic()
        if at >= self.sight.fresh_until:
            return None
        return self._begun(user_id, thread_id, self.sight.present(at))

    def _begun(self, user_id: str, thread_id: str, now: float) -> GuardedRead:
        sight = self.sight
        record, admission = sight.record, sight.read_go
        if admission is None:
            admission = admit_read(self.base, record, now, alone=sight.alone)
        epoch = record.epoch
        reads = admission.verdict is _GO or admission.mode.reads
        kept = self._contexts.get(user_id, thread_id, epoch) if reads else None
        return GuardedRead(user_id, thread_id, admission, epoch, kept, now)

    def passes(self, read: GuardedRead) -> bool:
        """Whether a read has to look into the store's layer: it may go, and this process has no answer."""
        verdict = read.admission.verdict
        return (verdict is _GO or verdict is _TRIAL) and not self._fresh(read.kept, read.now)

    def is_clear(self, read: GuardedRead) -> bool:
        """Whether the thread's entry in the store is all that can keep a read back."""
        return read.admission is self.sight.read_go and (read.kept is None or self.passes(read))

    def read_on(self, read: GuardedRead) -> Steps[ContextResult]:
        """Go on with a read that was decided on."""
        if self.passes(read):
            return (yield from self._past_cache(read, (yield from self._entry(read))))
        admission = read.admission
        if admission.verdict is _EXPIRE:
            return (yield from self._expire(admission))
        if admission.verdict is _SKIP:
            return (yield from self._unread(read, ContextStatus.SKIPPED, admission.detail))
        if admission.verdict is _PROBE:
            return (yield from self._guarded_read(read))
        return (yield from self._from_cache(read, ContextStatus.CACHED, "process"))

    def _fresh(self, kept: Kept | None, now: float) -> bool:
        return kept is not None and kept.at > now - self.policy.cache_fresh_s

    def _entry(self, read: GuardedRead) -> Steps[ThreadEntry]:
        if self.sight.alone:
            return ThreadEntry()
        found = yield from self._ask(lambda store: store.thread_entry(read.thread_id, read.user_id))
        return found if isinstance(found, ThreadEntry) else ThreadEntry()

    def entry_lost(self, read: GuardedRead, error: StoreUnavailable) -> Steps[ContextResult]:
        """Go on with a read of whose thread the store would not tell."""
        yield from self._lost(error)
        return (yield from self._past_cache(read, ThreadEntry()))

    def _past_cache(self, read: GuardedRead, entry: ThreadEntry) -> Steps[ContextResult]:
        if self.take_in(read, entry):
            return (yield from self._guarded_read(read))
        return (yield from self.held_back(read, entry))

    def take_in(self, read: GuardedRead, entry: ThreadEntry) -> bool:
        """Take in what the store knows of a thread; whether the read goes to Zep and needs no leave of the store."""
        kept = entry.kept
        if kept is not None and (read.kept is None or kept.at >= read.kept.at):
            read.kept = kept
            self._contexts.put(read.user_id, read.thread_id, read.epoch, kept)
        read.version = entry.version
        return read.kept is None and entry.pause_until <= read.now and read.admission.verdict is _GO

    def held_back(self, read: GuardedRead, entry: ThreadEntry) -> Steps[ContextResult]:
        """Go to Zep unless the store's layer has the answer, a pause, or somebody who is at it."""
        if self._fresh(read.kept, read.now):
            return (yield from self._from_cache(read, ContextStatus.CACHED, "store"))
        if entry.pause_until > read.now:
            yield Tell(NegativeHit(thread_id=read.thread_id, why=entry.why))
            return (yield from self._unread(read, ContextStatus.NEGATIVE, entry.why))
        lease_s = min(self.policy.lease_s, self.policy.cache_fresh_s)  # its end is the next refresh's beginning
        if lease_s and read.text(read.now - self.policy.cache_stale_s) is not None and not self.sight.alone:
            mine = yield from self._ask(lambda store: store.claim_refresh(read.thread_id, lease_s=lease_s))
            if mine is False:
                return (yield from self._unread(read, ContextStatus.SKIPPED, "refreshing"))
        return (yield from self._guarded_read(read))

    def _from_cache(self, read: GuardedRead, status: ContextStatus, detail: str) -> Steps[ContextResult]:
        assert read.kept is not None
        yield Tell(ContextKept(thread_id=read.thread_id, age_s=read.now - read.kept.at))
        return ContextResult(text=read.kept.text, status=status, mode=read.admission.mode, detail=detail)

    def _unread(self, read: GuardedRead, status: ContextStatus, detail: str) -> Steps[ContextResult]:
        """No call to Zep: a context kept before is better than none, if it is not too old."""
        if read.text(read.now - self.policy.cache_stale_s) is not None:
            return (yield from self._from_cache(read, ContextStatus.STALE, detail))
        return ContextResult(status=status, mode=read.admission.mode, detail=detail)

    def _guarded_read(self, read: GuardedRead) -> Steps[ContextResult]:
        places = self.places_to_read
        try:
            place = places.pop()
        except IndexError:
            return (yield from self.no_place_to_read(read))
        try:
            ticket = yield from self._ticket(read.admission)
            if ticket is None:
                detail = "probe_elsewhere" if read.admission.verdict is _PROBE else "breaker_open"
                return (yield from self._unread(read, ContextStatus.SKIPPED, detail))
            called = yield from self._call(ticket, read)
            applied = yield from self.conclude(read, ticket, called)
        finally:
            places.append(place)
        return (yield from self.context_of(read, called, applied))

    def no_place_to_read(self, read: GuardedRead) -> Steps[ContextResult]:
        """End a read for which the bulkhead has no place."""
        yield Tell(Full(_READ))
        return (yield from self._unread(read, ContextStatus.SKIPPED, BULKHEAD_FULL))

    def context_of(self, read: GuardedRead, called: Called, applied: Applied) -> Steps[ContextResult]:
        """What a read gives, whether Zep answered or not."""
        if called.failure is None:
            return self.context(read, called, applied)
        mode = effective_mode(self.base, applied.record)
        result = ContextResult(
            status=ContextStatus.FAILED, mode=mode, detail=called.outcome, latency_s=called.latency_s
        )
        kept = read.text(applied.now - self.policy.cache_stale_s) if mode.reads else None
        if kept is None:
            return result
        yield Tell(ContextKept(thread_id=read.thread_id, age_s=applied.now - kept.at))
        return replace(result, status=ContextStatus.STALE, text=kept.text)

    def context(self, read: GuardedRead, called: Called, applied: Applied) -> ContextResult:
        """What a read gives that Zep answered; the context is kept for the user's next turns."""
        answer: Answer = called.value
        text = answer.text
        if 0 < len(text) <= CONTEXT_CHARACTERS_MAX:
            self._contexts.put(read.user_id, read.thread_id, read.epoch, Kept(text, applied.now))
        return ContextResult(
            _FRESH if text else _EMPTY,
            effective_mode(self.base, applied.record),
            text,
            "" if answer.found else _NOT_FOUND.value,
            called.latency_s,
        )

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
        if self._monotonic() >= self.sight.fresh_until:
            yield from self._see()
        return (yield from self.write_on(self._begun_write(thread_id, perform, self.sight.present())))

    def begin_write(self, thread_id: str, perform: Callable[[Any], Any]) -> GuardedWrite | None:
        """Decide on a write by a view that is fresh; None if it is not, and ``write`` has to look first."""
        at = self._monotonic()
        if at >= self.sight.fresh_until:
            return None
        return self._begun_write(thread_id, perform, self.sight.present(at))

    def _begun_write(self, thread_id: str, perform: Callable[[Any], Any], now: float) -> GuardedWrite:
        admission = self.sight.write_go
        if admission is None:
            admission = admit_write(self.base, self.sight.record, now)
        return GuardedWrite(thread_id, perform, admission)

    def write_on(self, write: GuardedWrite) -> Steps[WriteResult]:
        """Go on with a write that was decided on."""
        if write.admission.verdict is _SKIP:
            return WriteResult(sent=False, detail=write.admission.detail)
        places = self.places_to_write
        try:
            place = places.pop()
        except IndexError:
            return (yield from self.no_place_to_write())
        try:
            ticket = yield from self._ticket(write.admission)
            if ticket is None:
                return WriteResult(sent=False, detail="breaker_open")
            called = yield from self._call(ticket, write)
            yield from self.conclude(write, ticket, called)
        finally:
            places.append(place)
        return self.written(called)

    def no_place_to_write(self) -> Steps[WriteResult]:
        """End a write for which the bulkhead has no place."""
        yield Tell(Full(_WRITE))
        return WriteResult(sent=False, detail=BULKHEAD_FULL)

    def written(self, called: Called) -> WriteResult:
        """What a write gives that was sent."""
        return WriteResult(True, called.value, called.failure)

    # -- one call ----------------------------------------------------------------------------------------------------

    def _ticket(self, admission: Admission) -> Steps[Ticket | None]:
        return admission.ticket if admission.verdict is _GO else (yield from self._take(admission))

    def _take(self, admission: Admission) -> Steps[Ticket | None]:
        """Get the lease that the verdict asks for; None if somebody else has it."""
        ticket = admission.ticket
        token = self._token()
        event: AcquireProbe | AcquireTrial
        if admission.verdict is _PROBE:
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

    def _call(self, ticket: Ticket, guarded: Guarded) -> Steps[Called]:
        yield Tell(guarded.sent)
        return (yield from self._or_give_up(ticket.token, _made(Call(guarded.operation, guarded.perform))))

    def report(self, guarded: Guarded, ticket: Ticket, called: Called) -> Report:
        """What to report to the store of a call that has ended."""
        failure = called.failure
        retry_after_s = 0.0 if failure is None else failure.retry_after_s
        thread_id, latency_s = guarded.thread_id, called.latency_s
        if isinstance(guarded, GuardedWrite):
            return Report(ticket, called.outcome, retry_after_s, thread_id, None, latency_s, self.worker)
        return Report(
            ticket,
            called.outcome,
            retry_after_s,
            thread_id,
            guarded.version,
            latency_s,
            self.worker,
            guarded.user_id,
            "" if failure is not None else called.value.text,
            guarded.epoch,
        )

    def conclude(self, guarded: Guarded, ticket: Ticket, called: Called) -> Steps[Applied]:
        """Report a call that has ended, and tell of it."""
        report = self.report(guarded, ticket, called)
        return (yield from self._concluded(report, called, self._apply(report)))

    def concluded(
        self, report: Report, called: Called, answer: Applied | StoreUnavailable, asked_at: float
    ) -> Steps[Applied]:
        """Go on from the store's answer to a report, and tell of the call."""
        return (yield from self._concluded(report, called, self._answered(report, answer, asked_at)))

    def _concluded(self, report: Report, called: Called, apply: Steps[Applied]) -> Steps[Applied]:
        applied = yield from self._or_give_up(report.ticket.token, apply)
        yield Tell(self.ended(report, called, applied))
        yield from self._told(applied)
        return applied

    def ended(self, report: Report, called: Called, applied: Applied) -> CallEnded:
        """What is told of a call that was reported."""
        failures = applied.record.failures
        for effect in applied.effects:
            if effect.kind is EffectKind.FAILURE_COUNTED:
                failures = int(effect.detail)
        ticket = report.ticket
        return CallEnded(
            ticket.operation,
            report.outcome,
            report.latency_s,
            report.thread_id,
            failures,
            bool(ticket.token) and ticket.phase == "probe",
            "" if called.failure is None else str(called.failure),
        )


def _made(call: Call) -> Steps[Called]:
    called: Called = yield call
    return called
