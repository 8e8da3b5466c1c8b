"""What a report has to do to the record, as rules of its own: written from the checklist and docs/modes.md.

Nothing here calls ``guard.core.machine`` or reads ``guard.core.table``: a change of either that these rules do not
know is a difference. Rules are kept in the checklist's words; the record is only the paper they are written on.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import ceil
from types import MappingProxyType
from typing import Any

from guard.core.events import Policy, Report
from guard.core.modes import Reason
from guard.core.record import BreakerState, Record

GOOD = {"answered", "not_found"}
BAD = {"timeout", "connection", "server_error", "wrong_shape"}

# (operation, in which phase, outcomes): what the checklist says of it. Whatever has no line changes no mode.
DRILLS: list[tuple[str, str, set[str], str]] = [
    ("read", "read_write", GOOD, "failures start anew"),
    ("read", "read_write", BAD, "one more failure in a row"),  # drill 5
    ("read", "read_write", {"auth"}, "downgrade at once"),  # drill 4
    ("write", "read_write", {"auth"}, "downgrade at once"),
    ("read", "probe", GOOD, "restore"),  # drill 4, step 9
    ("read", "probe", BAD | {"auth", "refused"}, "hold again"),  # drill 6
    ("read", "probe", {"rate_limited"}, "hold again as long as asked"),
]

# Whose breaker hears of it; drill 2 for writes, which go on in write_only.
HEARD = [("read", "read_write"), ("write", "read_write"), ("write", "write_only")]

# Drill 3, and Retry-After: for how long nobody asks Zep for that thread.
PAUSES = [
    ("read", "read_write", BAD, "negative"),
    ("read", "read_write", {"rate_limited"}, "retry_after"),
    ("read", "probe", {"rate_limited"}, "retry_after"),
]


@dataclass
class Told:
    """The record as it is being written on, and what the log has to say."""

    record: Record
    log: list[tuple[str, str]] = field(default_factory=list)

    def put(self, **changes: Any) -> None:
        self.record = replace(self.record, **changes)

    def say(self, kind: str, detail: str = "") -> None:
        self.log.append((kind, detail))

    def plus_one(self, counts: str, label: str) -> None:
        before = getattr(self.record, counts)
        self.put(**{counts: MappingProxyType({**before, label: before[label] + 1})})


def what_the_drills_say(report: Report) -> str:
    ticket = report.ticket
    for operation, phase, outcomes, what in DRILLS:
        if (ticket.operation.value, ticket.phase.value) == (operation, phase) and report.outcome.value in outcomes:
            return what
    return ""


def pause_of(report: Report, policy: Policy) -> tuple[float, str]:
    """Seconds, and why."""
    ticket = report.ticket
    for operation, phase, outcomes, why in PAUSES:
        if (ticket.operation.value, ticket.phase.value) == (operation, phase) and report.outcome.value in outcomes:
            return (policy.negative_s if why == "negative" else report.retry_after_s), why
    return 0.0, "none"


def expected(before: Record, report: Report, now: float, policy: Policy, reads: list[Any]) -> Told:
    """The record after a report, and what is said of it.

    ``reads`` are the reads (when, seconds taken, failed) since the last change of the mode, this one not among them.
    """
    told = Told(before)
    ticket, what = report.ticket, what_the_drills_say(report)
    same_state = ticket.generation == before.generation
    has_lease = ticket.token != "" and ticket.token == before.lease
    counts = same_state and (ticket.phase.value != "probe" or has_lease)
    if what == "one more failure in a row" and same_state:
        _witness(told, report.worker)
    if ticket.operation.value == "write" or counts:
        _breaker(told, report, now, policy)
    if not counts:
        told.say("stale")
        return told
    if ticket.phase.value == "probe" and ticket.operation.value == "read":
        outcome = report.outcome.value
        result = "succeeded" if outcome in GOOD else "rate_limited" if outcome == "rate_limited" else "failed"
        told.plus_one("probes", result)
        told.put(lease="", lease_until=0.0)
    _mode(told, what, report, now, policy)
    if (ticket.operation.value, ticket.phase.value) == ("read", "read_write") and told.record.reason is None:
        reads.append((now, report.latency_s, report.outcome.value in BAD))
        reason = trend_of(reads, now, policy)
        if reason is not None:
            _downgrade(told, reason, now, policy, "downgraded")
    return told


def _mode(told: Told, what: str, report: Report, now: float, policy: Policy) -> None:
    if what == "failures start anew":
        told.put(failures=0, witnesses="")
    elif what == "downgrade at once":
        _downgrade(told, Reason.AUTH, now, policy, "downgraded")
    elif what == "hold again":
        _downgrade(told, Reason.PROBE_FAILED, now, policy, "reheld")
    elif what == "hold again as long as asked":
        reason = told.record.reason or Reason.PROBE_FAILED
        _new_hold(told, reason, now, now + max(policy.hold_s, report.retry_after_s))
        told.say("reheld", reason.value)
    elif what == "restore":
        for side in ("read", "write"):
            _close(told, side, now)
        _new_hold(told, None, 0.0, 0.0)
        told.put(restores=told.record.restores + 1)
        told.say("restored")
    elif what == "one more failure in a row":
        failures = told.record.failures + 1
        told.put(failures=failures)
        told.say("failure_counted", str(failures))
        if failures >= policy.failure_threshold and _witnessed(told, policy):
            _downgrade(told, Reason.CONSECUTIVE_FAILURES, now, policy, "downgraded")


def _witness(told: Told, worker: str) -> None:
    names = [name for name in told.record.witnesses.split(",") if name]
    name = worker.replace(",", "_") or "?"
    if name not in names and len(names) < 16:
        told.put(witnesses=",".join([*names, name]))


def _witnessed(told: Told, policy: Policy) -> bool:
    return max(1, len([name for name in told.record.witnesses.split(",") if name])) >= policy.witnesses


def _new_hold(told: Told, reason: Reason | None, since: float, until: float) -> None:
    """Any change of the mode: a new generation, and nothing left of what was counted in the old one."""
    told.put(
        generation=told.record.generation + 1,
        reason=reason,
        since=since,
        until=until,
        operator=False,
        failures=0,
        witnesses="",
        lease="",
        lease_until=0.0,
    )


def _downgrade(told: Told, reason: Reason, now: float, policy: Policy, kind: str) -> None:
    if told.record.operator and told.record.until > now + policy.hold_s:
        told.say("kept", (told.record.reason or "").__str__())
        return
    _new_hold(told, reason, now, now + policy.hold_s)
    told.plus_one("downgrades", reason.value)
    told.say(kind, reason.value)


def _breaker(told: Told, report: Report, now: float, policy: Policy) -> None:
    ticket, side = report.ticket, report.ticket.operation.value
    state: BreakerState = getattr(told.record, side)
    trial = ticket.token != "" and ticket.token == state.trial
    good, bad = report.outcome.value in GOOD, report.outcome.value in BAD
    heard = (side, ticket.phase.value) in HEARD and ticket.era == state.era and (good or bad)
    if not heard:
        if trial:  # nothing learnt: the next call may try
            told.put(**{side: replace(state, trial="", trial_until=0.0)})
    elif state.open_until == 0.0:
        failures = 0 if good else state.failures + 1
        if failures >= policy.breaker_threshold and (side == "write" or _witnessed(told, policy)):
            _open(told, side, now, policy)
        else:
            told.put(**{side: replace(state, failures=failures)})
    elif trial and good:
        _close(told, side, now)
    elif trial:
        _open(told, side, now, policy)


def _open(told: Told, side: str, now: float, policy: Policy) -> None:
    record, until = told.record, now + policy.breaker_open_s
    both = record.open_until > now
    already = record.open_seconds if both else record.open_seconds + max(0.0, record.open_until - record.open_from)
    told.put(
        **{side: BreakerState(era=getattr(record, side).era + 1, open_until=until)},
        opens=record.opens + 1,
        open_from=record.open_from if both else now,
        open_until=max(record.open_until, until),
        open_seconds=already,
    )
    told.say("breaker_opened", side)


def _close(told: Told, side: str, now: float) -> None:
    state: BreakerState = getattr(told.record, side)
    if state.open_until == 0.0:
        told.put(**{side: replace(state, failures=0)})
        return
    told.put(**{side: BreakerState(era=state.era + 1)})
    other: BreakerState = getattr(told.record, "write" if side == "read" else "read")
    told.put(open_until=min(told.record.open_until, max(now, other.open_until)))
    told.say("breaker_closed", side)


# -- trends: the rollback section's two lines, from the reads themselves ----------------------------------------------


def trend_of(reads: list[Any], now: float, policy: Policy) -> Reason | None:
    """Read latency p95 > 300ms for 15m; context failure rate > 10% for 10m; from the bare list of reads."""
    trend = policy.trend

    def over(minutes: int, is_over: Any) -> bool:
        if now - reads[0][0] < minutes * trend.minute_s:
            return False
        this_minute = now // trend.minute_s
        spans: list[list[Any]] = [[] for _ in range(minutes // 5)]
        for read in reads:
            ago = int(this_minute - read[0] // trend.minute_s)
            if 0 <= ago < minutes:
                spans[ago // 5].append(read)
        enough = sum(map(len, spans)) >= trend.reads_min
        counted = [read for span in reversed(spans) for read in span]
        ends = [[r for r in counted if r[0] // trend.minute_s == counted[i][0] // trend.minute_s] for i in (0, -1)]
        return enough and all(span and is_over(span) for span in (*spans, *ends))

    def slow(span: list[Any]) -> bool:
        taken = sorted(read[1] for read in span)
        return bool(taken[ceil(len(taken) * 19 / 20) - 1] > trend.slow_s)

    def failing(span: list[Any]) -> bool:
        return sum(read[2] for read in span) > trend.failure_ratio * len(span)

    if over(15, slow):
        return Reason.READ_LATENCY
    if over(10, failing):
        return Reason.FAILURE_RATE
    return None
