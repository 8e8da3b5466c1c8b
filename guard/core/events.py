"""What can happen to the record, and what a step says was done. All frozen values, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from guard.core.modes import BREAKER_THRESHOLD, FAILURE_THRESHOLD, HOLD_S, Reason
from guard.core.record import EMPTY, Record
from guard.core.table import Operation, Outcome, Pause, Phase, rule_for
from guard.core.trend import TREND_POLICY, TrendPolicy

__all__ = [
    "AcquireProbe",
    "AcquireTrial",
    "Clear",
    "Effect",
    "EffectKind",
    "Event",
    "Expire",
    "Force",
    "GiveUp",
    "Join",
    "Policy",
    "Report",
    "ResetFailures",
    "Ticket",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """The numbers that a step needs; all times in seconds.

    ``witnesses``: distinct workers that must have failed before failures in a row downgrade or open the read breaker.
    """

    hold_s: float = HOLD_S
    failure_threshold: int = FAILURE_THRESHOLD
    breaker_threshold: int = BREAKER_THRESHOLD
    breaker_open_s: float = 30.0
    lease_s: float = 4.0
    negative_s: float = 1.5
    witnesses: int = 1
    cache_fresh_s: float = 60.0
    cache_stale_s: float = 600.0
    trend: TrendPolicy = TREND_POLICY

    def pause_s(self, report: Report) -> float:
        """Seconds for which the outcome of a call keeps all workers from reading its thread; 0 for not at all."""
        ticket = report.ticket
        match rule_for(ticket.operation, report.outcome, ticket.phase).pause:
            case Pause.NEGATIVE:
                return self.negative_s
            case Pause.RETRY_AFTER:
                return report.retry_after_s
            case Pause.NONE:
                return 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """What an admitted call carries, so that its result can be told from an older state's."""

    operation: Operation
    phase: Phase
    generation: int
    era: int
    token: str = ""  # of the probe lease or the breaker trial that this call holds


@dataclass(slots=True)  # not frozen, nor by keyword alone: made with each call
class Report:
    """A call to Zep has ended."""

    ticket: Ticket
    outcome: Outcome
    retry_after_s: float = 0.0
    thread_id: str = ""
    thread_version: int | None = None  # of the thread's entry when the call was decided; None: whatever it is now
    latency_s: float = 0.0
    worker: str = ""  # who made the call
    user_id: str = ""
    context: str = ""  # what to keep of the answer for the user's next turns; "" for nothing
    epoch: int = 0  # of the record when the call was decided: an older one's context is not kept


@dataclass(frozen=True, kw_only=True, slots=True)
class AcquireProbe:
    """Somebody wants to be the one prober of an ended hold."""

    generation: int
    token: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AcquireTrial:
    """Somebody wants to be the one trial of a half-open breaker."""

    operation: Operation
    era: int
    token: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Force:
    """Hold ``write_only`` for ``ttl_s`` seconds; ``operator`` says whether a person asked."""

    reason: Reason
    ttl_s: float
    operator: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Clear:
    """An operator ends the forced mode."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResetFailures:
    """An operator sets the failure count to 0, and that of the read breaker, which closes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Expire:
    """A hold has ended where base mode is not ``read_write``: there is nothing to probe for."""

    generation: int


@dataclass(frozen=True, kw_only=True, slots=True)
class GiveUp:
    """A call that held the probe lease or a trial was cancelled: nothing was learnt, and another may have it."""

    token: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Join:
    """A process that could not reach the store is back, or finds that the store forgot.

    ``known`` is the last record that it had from the store. ``reason`` says that it has downgraded itself since then,
    at ``since`` until ``until`` (unix seconds by the store's clock, as far as it can tell).
    """

    known: Record = EMPTY
    reason: Reason | None = None
    since: float = 0.0
    until: float = 0.0
    worker: str = ""  # whose failures in a row they were, where the fleet asks for several witnesses


Event = Report | AcquireProbe | AcquireTrial | Force | Clear | ResetFailures | Expire | GiveUp | Join


class EffectKind(StrEnum):
    """What a step did, for logs and for the caller; the record holds the counts."""

    STALE = "stale"
    FAILURE_COUNTED = "failure_counted"
    DOWNGRADED = "downgraded"
    REHELD = "reheld"
    RESTORED = "restored"
    FORCED = "forced"
    KEPT = "kept"  # an automatic force found a longer hold of an operator
    CLEARED = "cleared"
    EXPIRED = "expired"
    FAILURES_RESET = "failures_reset"
    GRANTED = "granted"
    DENIED = "denied"
    BREAKER_OPENED = "breaker_opened"
    BREAKER_CLOSED = "breaker_closed"
    JOINED = "joined"  # a downgrade that a process made alone is now the fleet's, and counted
    FORGOTTEN = "forgotten"
    RECOVERED = "recovered"  # the store had forgotten; it has the record again


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing done, with its detail (a reason, a count or an operation) as text."""

    kind: EffectKind
    detail: str = ""
