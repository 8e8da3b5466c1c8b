"""What this process knows of the record: the store's last answer, and while the store is away a state of its own.

No clock of the system and no store here: times come in from the engine's clock, answers from its shell. Three rules:

- An answer that was overtaken is dropped.
- While the store is away, the mode may fall by this process's own count and never rises: a worker that cannot see the
  others must not undo what they decided.
- What was done alone carries generations below 0, so that no later report is taken for one of the fleet's own state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Lock

from guard.core.admission import Admission, Verdict, admit_read, admit_write, effective_mode
from guard.core.events import Event, Join, Policy, Report, Ticket
from guard.core.machine import step
from guard.core.modes import Mode
from guard.core.record import EMPTY, Record
from guard.core.table import Phase
from guard.store.protocol import Applied

__all__ = ["REFRESH_S_MAX", "RETRY_S", "VIEW_AGE_S_MAX", "Sight"]

VIEW_AGE_S_MAX = 1.0
"""A view as old as this is refreshed before it is used, seconds: an operator's command is seen within it."""

REFRESH_S_MAX = 0.1
"""While one call refreshes the view, the others of its process go on with the old one for so long, seconds."""

RETRY_S = 1.0
"""A store that did not answer is left alone for so long, seconds: it costs a turn one wait, not one a command."""

_NEVER = float("-inf")

_BELOW = 2**40
"""No process makes so many steps alone, and no fleet so many at all."""


class Sight:
    """One process's view of the fleet's record.

    Args:
        base: base mode of this process.
        policy: thresholds and times, for steps made alone.
        worker: names this process among the fleet's.
        monotonic: gives seconds that never jump.
        wall: gives unix seconds, for a process that never saw the store.

    Attributes:
        mode: the effective mode, good until ``fresh_until`` (by ``monotonic``).
        fresh_until: when to look at the store again.
        record: the record that decides.
        read_go: how every read is admitted while the record stays as it was seen; None where time or a lease decides.
        write_go: the same for writes.
    """

    read_go: Admission | None
    write_go: Admission | None

    def __init__(
        self,
        base: Mode,
        policy: Policy,
        *,
        worker: str,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._base = base
        self._policy = replace(policy, witnesses=1)  # alone, there is no other witness
        self._worker = worker
        self._monotonic = monotonic
        self._wall = wall
        self._lock = Lock()
        self._known = (Applied(record=EMPTY, now=0.0), _NEVER)  # one value: no thread sees half of a change
        self._alone: Record | None = None
        self.record = EMPTY
        self._retry_at = _NEVER
        self._unsent: Report | None = None
        self.refreshing = Lock()
        self.mode = base
        self.fresh_until = _NEVER
        self.read_go = self.write_go = None
        self._deciding: tuple[object, ...] = ()
        self._admitted: Record | None = None

    @property
    def alone(self) -> bool:
        """Whether the store is away, as far as this process knows."""
        return self._alone is not None

    @property
    def overdue(self) -> bool:
        """Whether the view is so old that nobody may go by it, not even while another call looks at the store."""
        return self._alone is None and self._monotonic() >= self.fresh_until + REFRESH_S_MAX

    def retry_due(self) -> bool:
        """Whether a store that is away may be asked again."""
        return self._monotonic() >= self._retry_at

    def present(self, at: float | None = None) -> float:
        """Unix seconds by the store's clock, as far as this process can tell.

        Args:
            at: the present by ``monotonic``, for one who has just asked it.
        """
        seen, seen_at = self._known
        if seen_at == _NEVER:
            return self._wall()
        if at is None:
            at = self._monotonic()
        return seen.now + (at - seen_at) if at > seen_at else seen.now

    def now(self) -> Applied:
        """The record that decides, with ``now`` moved on to the present."""
        return Applied(record=self.record, now=self.present())

    def forgot(self, applied: Applied) -> bool:
        """Whether an answer shows that the store has lost what this process had from it before."""
        return applied.record.generation < self._known[0].record.generation

    def keep(self, applied: Applied, asked_at: float) -> None:
        """Keep an answer, unless it was overtaken: of two under way at once the later by the store's time counts.

        One that was asked for after the other had come is the newer whatever its time: the store's clock may have
        been set back, or be another server's.
        """
        with self._lock:
            seen, seen_at = self._known
            if self._alone is None and (applied.now >= seen.now or asked_at >= seen_at):
                self._set(applied)

    def _set(self, applied: Applied) -> None:
        at = self._monotonic()
        self._known = (applied, at)
        if applied.record is not self._admitted:
            self._admit(applied)
        self.fresh_until = at + VIEW_AGE_S_MAX

    def _admit(self, applied: Applied) -> None:
        """Decide anew how calls are admitted, if anything that decides it has changed."""
        self.record = record = applied.record
        deciding = (
            record.generation,
            record.reason,  # a store that forgot may come to a generation again by another way
            record.read.era,
            record.write.era,
            record.read.open_until,
            record.write.open_until,
        )
        if deciding == self._deciding:
            self._admitted = record
            return
        self.mode = effective_mode(self._base, record)
        self.read_go = _go(admit_read(self._base, record, applied.now))
        self.write_go = _go(admit_write(self._base, record, applied.now))
        self._deciding = deciding
        self._admitted = record

    def lost(self) -> None:
        """The store did not answer: go on alone from what is known."""
        with self._lock:
            at = self._monotonic()
            self._retry_at = at + RETRY_S
            self.fresh_until = at + VIEW_AGE_S_MAX
            if self._alone is None:
                self.read_go = self.write_go = None
                self._deciding = ()
                self._admitted = None
                self._alone = self.record = _apart(self._known[0].record)

    def rejoin(self) -> Join:
        """What to tell the store at the return."""
        known, alone = self._known[0].record, self._alone
        if alone is None or alone.reason is None or alone.reason is known.reason:
            return Join(known=known)
        return Join(known=known, reason=alone.reason, since=alone.since, until=alone.until, worker=self._worker)

    def joined(self, applied: Applied) -> None:
        """The store has taken it: its record decides again."""
        with self._lock:
            self._alone = None
            self._retry_at = _NEVER
            self._set(applied)

    def take_unsent(self) -> Report | None:
        """The probe's report that could not be sent, once."""
        with self._lock:
            unsent, self._unsent = self._unsent, None
            return unsent

    def step_alone(self, event: Event) -> Applied | None:
        """Apply an event to this process's own state, which only falls; None if it is not alone."""
        if self._alone is None:
            return None
        with self._lock:
            seen = self.now()
            known = self._known[0].record
            if self._alone is None:  # it has joined again meanwhile
                return None
            if isinstance(event, Report):
                if event.ticket.phase is Phase.PROBE:
                    self._unsent = event
                    return seen
                event = replace(event, ticket=_as_alone(event.ticket, known, self._alone))
            self.record, effects = step(self._alone, event, seen.now, self._policy)
            self._alone = self.record
            self.mode = effective_mode(self._base, self._alone)
            return Applied(record=self._alone, now=seen.now, effects=effects)


def _go(admission: Admission) -> Admission | None:
    return admission if admission.verdict is Verdict.GO else None


def _apart(record: Record) -> Record:
    """A copy to step alone with; its generation and eras are below 0, and stay there."""
    return replace(
        record,
        generation=record.generation - _BELOW,
        read=replace(record.read, era=record.read.era - _BELOW),
        write=replace(record.write, era=record.write.era - _BELOW),
    )


def _as_alone(ticket: Ticket, known: Record, alone: Record) -> Ticket:
    """A ticket of the state that was known when the store went away, as one of the state alone."""
    start = _apart(known)
    if ticket.generation == known.generation and alone.generation == start.generation:
        ticket = replace(ticket, generation=alone.generation)
    era = known.breaker(ticket.operation).era
    begun = start.breaker(ticket.operation).era
    if ticket.era == era and alone.breaker(ticket.operation).era == begun:
        ticket = replace(ticket, era=begun)
    return ticket
