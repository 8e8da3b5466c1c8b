"""What can happen to the record, and what a step says was done. All frozen values, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from guard.core.modes import BREAKER_THRESHOLD, FAILURE_THRESHOLD, HOLD_S, Reason
from guard.core.table import Operation, Outcome, Pause, Phase, rule_for

__all__ = [
    "AcquireProbe",
    "AcquireTrial",
    "Clear",
    "Effect",
    "EffectKind",
    "Event",
    "Expire",
    "Force",
    "Policy",
    "Report",
    "ResetFailures",
    "Ticket",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """The numbers that a step needs; all times in seconds."""

    hold_s: float = HOLD_S
    failure_threshold: int = FAILURE_THRESHOLD
    breaker_threshold: int = BREAKER_THRESHOLD
    breaker_open_s: float = 30.0
    lease_s: float = 4.0
    negative_s: float = 1.5

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """A call to Zep has ended."""

    ticket: Ticket
    outcome: Outcome
    retry_after_s: float = 0.0
    thread_id: str = ""
    thread_version: int | None = None  # of the thread's entry when the call was decided; None: whatever it is now


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


Event = Report | AcquireProbe | AcquireTrial | Force | Clear | ResetFailures | Expire


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


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing done, with its detail (a reason, a count or an operation) as text."""

    kind: EffectKind
    detail: str = ""
