"""May this call go to Zep? Decided from a view of the record; no store is asked here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from guard.core.events import Ticket
from guard.core.modes import Mode, lowest
from guard.core.record import Record
from guard.core.table import Operation, Phase

__all__ = ["Admission", "Verdict", "admit_read", "admit_write", "effective_mode", "phase_of"]


class Verdict(StrEnum):
    """What the caller has to do next."""

    GO = "go"
    SKIP = "skip"
    PROBE = "probe"  # go, if the probe lease can be had
    TRIAL = "trial"  # go, if the breaker's trial can be had
    EXPIRE = "expire"  # the hold has ended and there is nothing to probe for


@dataclass(frozen=True, kw_only=True, slots=True)
class Admission:
    """The verdict, the ticket to go with, and why not."""

    verdict: Verdict
    mode: Mode
    ticket: Ticket
    detail: str = ""


def effective_mode(base: Mode, record: Record) -> Mode:
    """The lower of base and forced mode; an ended hold stays in force until a message probes."""
    if record.reason is None:  # asked with each call, so without more than it takes
        return base
    forced = record.forced_mode
    return base if forced is None else lowest((base, forced))


def phase_of(base: Mode, record: Record) -> Phase:
    """The phase in which a call that is no probe is admitted."""
    return Phase.READ_WRITE if effective_mode(base, record).reads else Phase.WRITE_ONLY


def _ticket(operation: Operation, phase: Phase, record: Record) -> Ticket:
    return Ticket(operation=operation, phase=phase, generation=record.generation, era=record.breaker(operation).era)


def admit_read(base: Mode, record: Record, now: float, *, alone: bool = False) -> Admission:
    """Decide on a read of context at ``now`` (unix seconds by the store's clock).

    Args:
        base: base mode of this process.
        record: what it knows of the fleet.
        now: unix seconds by the store's clock.
        alone: the store cannot be reached: the mode may fall by this process's own count, and never rises.
    """
    mode = effective_mode(base, record)
    ticket = _ticket(Operation.READ, Phase.READ_WRITE, record)
    ended = record.reason is not None and not record.held(now) and not alone
    if ended and base.reads:
        probe = _ticket(Operation.READ, Phase.PROBE, record)
        return Admission(verdict=Verdict.PROBE, mode=mode, ticket=probe, detail=record.reason or "")
    if ended:
        return Admission(verdict=Verdict.EXPIRE, mode=mode, ticket=ticket, detail=f"base_{base}")
    if not mode.reads:
        return Admission(verdict=Verdict.SKIP, mode=mode, ticket=ticket, detail=record.reason or f"base_{base}")
    return _past_breaker(mode, ticket, record, now)


def admit_write(base: Mode, record: Record, now: float) -> Admission:
    """Decide on the delivery of a message at ``now`` (unix seconds by the store's clock)."""
    mode = effective_mode(base, record)
    ticket = _ticket(Operation.WRITE, phase_of(base, record), record)
    if not base.writes:
        return Admission(verdict=Verdict.SKIP, mode=mode, ticket=ticket, detail=f"base_{base}")
    return _past_breaker(mode, ticket, record, now)


def _past_breaker(mode: Mode, ticket: Ticket, record: Record, now: float) -> Admission:
    breaker = record.breaker(ticket.operation)
    if breaker.closed:
        return Admission(verdict=Verdict.GO, mode=mode, ticket=ticket)
    if breaker.open_until > now or (breaker.trial and breaker.trial_until > now):
        return Admission(verdict=Verdict.SKIP, mode=mode, ticket=ticket, detail="breaker_open")
    return Admission(verdict=Verdict.TRIAL, mode=mode, ticket=ticket)
