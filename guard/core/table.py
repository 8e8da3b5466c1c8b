"""One table: the outcome of a Zep call, and what it does to the mode.

The docs diagram, the status text, the metric labels, the pure machine and the Lua script all take their
rules from here. Rows are the go-live checklist's drills 1, 4, 5 and 6, read as ``docs/modes.md`` shows them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from guard.core.modes import Reason

__all__ = [
    "TABLE",
    "Breaker",
    "Count",
    "Hold",
    "Operation",
    "Outcome",
    "Pause",
    "Phase",
    "ProbeResult",
    "Rule",
    "rule_for",
]


class Operation(StrEnum):
    """What was asked of Zep; each has a breaker of its own."""

    READ = "read"
    WRITE = "write"


class Outcome(StrEnum):
    """How a call to Zep ended."""

    ANSWERED = "answered"
    NOT_FOUND = "not_found"  # no such thread yet: an answer like any other
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    SERVER_ERROR = "server_error"
    WRONG_SHAPE = "wrong_shape"
    AUTH = "auth"  # 401 or 403
    RATE_LIMITED = "rate_limited"  # 429
    REFUSED = "refused"  # any other 4xx: this request was wrong, Zep is not


class Phase(StrEnum):
    """In which state the call was admitted."""

    READ_WRITE = "read_write"
    WRITE_ONLY = "write_only"  # base or forced; drill 1: no outcome changes the mode
    PROBE = "probe"


class Count(StrEnum):
    """What happens to the count of consecutive failed reads."""

    KEEP = "keep"
    ADD = "add"
    ZERO = "zero"


class Hold(StrEnum):
    """How a failed probe holds on."""

    NONE = "none"
    FULL = "full"
    RETRY_AFTER = "retry_after"  # the longer of the full hold and what Zep asked for


class Breaker(StrEnum):
    """What the operation's breaker is told."""

    NOTHING = "nothing"
    SUCCESS = "success"
    FAILURE = "failure"


class ProbeResult(StrEnum):
    """Labels of ``memory_zep_probes_total``."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RATE_LIMITED = "rate_limited"


class Pause(StrEnum):
    """For how long, and why, no worker reads this thread from Zep."""

    NONE = "none"
    NEGATIVE = "negative"  # the negative window: its next turns do not wait on Zep again (checklist, drill 3)
    RETRY_AFTER = "retry_after"  # as long as Zep asked for


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """The effect of one outcome in one phase."""

    count: Count = Count.KEEP
    force: Reason | None = None
    hold: Hold = Hold.NONE
    restore: bool = False
    breaker: Breaker = Breaker.NOTHING
    probe: ProbeResult | None = None
    pause: Pause = Pause.NONE


_NOTHING = Rule()
_GOOD_READ = Rule(count=Count.ZERO, breaker=Breaker.SUCCESS)
_BAD_READ = Rule(count=Count.ADD, breaker=Breaker.FAILURE, pause=Pause.NEGATIVE)
_AUTH = Rule(force=Reason.AUTH)
_PAUSE = Rule(pause=Pause.RETRY_AFTER)
_RESTORED = Rule(count=Count.ZERO, restore=True, probe=ProbeResult.SUCCEEDED)
_HELD = Rule(force=Reason.PROBE_FAILED, hold=Hold.FULL, probe=ProbeResult.FAILED)
_HELD_BY_LIMIT = Rule(hold=Hold.RETRY_AFTER, probe=ProbeResult.RATE_LIMITED, pause=Pause.RETRY_AFTER)
_GOOD_WRITE = Rule(breaker=Breaker.SUCCESS)
_BAD_WRITE = Rule(breaker=Breaker.FAILURE)

_GOOD = (Outcome.ANSWERED, Outcome.NOT_FOUND)
_BAD = (Outcome.TIMEOUT, Outcome.CONNECTION, Outcome.SERVER_ERROR, Outcome.WRONG_SHAPE)


def _table() -> dict[tuple[Operation, Outcome, Phase], Rule]:
    read, write = Operation.READ, Operation.WRITE
    rows: dict[tuple[Operation, Outcome, Phase], Rule] = {
        (operation, outcome, phase): _NOTHING for operation in Operation for outcome in Outcome for phase in Phase
    }
    for outcome in _GOOD:
        rows[read, outcome, Phase.READ_WRITE] = _GOOD_READ
        rows[read, outcome, Phase.PROBE] = _RESTORED
    for outcome in _BAD:
        rows[read, outcome, Phase.READ_WRITE] = _BAD_READ
        rows[read, outcome, Phase.PROBE] = _HELD
    for outcome in (Outcome.AUTH, Outcome.REFUSED):
        rows[read, outcome, Phase.PROBE] = _HELD
    rows[read, Outcome.AUTH, Phase.READ_WRITE] = _AUTH
    rows[read, Outcome.RATE_LIMITED, Phase.READ_WRITE] = _PAUSE
    rows[read, Outcome.RATE_LIMITED, Phase.PROBE] = _HELD_BY_LIMIT
    rows[write, Outcome.AUTH, Phase.READ_WRITE] = _AUTH
    for phase in (Phase.READ_WRITE, Phase.WRITE_ONLY):
        for outcome in _GOOD:
            rows[write, outcome, phase] = _GOOD_WRITE
        for outcome in _BAD:
            rows[write, outcome, phase] = _BAD_WRITE
    return rows


TABLE = _table()
"""(operation, outcome, phase) to its rule; total over all three."""


def rule_for(operation: Operation, outcome: Outcome, phase: Phase) -> Rule:
    """Return the rule of one row; every combination has one."""
    return TABLE[operation, outcome, phase]
