"""The transition function: record, event and time in; record and effects out.

``guard/store/transition.lua`` is the same function for a shared store. The rules themselves stand in
``guard.core.table``; both take them from there, and ``tests/guard/test_store_contract.py`` drives both
through the same histories. What does not fit the table (leases, breakers, operators) is here.

Known weak spot: two texts of one function. A change here needs its twin, and the contract test to see it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from guard.core.events import (
    AcquireProbe,
    AcquireTrial,
    Clear,
    Effect,
    EffectKind,
    Event,
    Expire,
    Force,
    GiveUp,
    Join,
    Policy,
    Report,
    ResetFailures,
)
from guard.core.modes import WITNESSES_MAX, Reason, check_ttl_s
from guard.core.record import BreakerState, Record
from guard.core.table import Breaker, Count, Hold, Operation, Phase, Rule, rule_for
from guard.core.trend import NO_TREND, counted, reason_for

__all__ = ["step"]

Step = tuple[Record, tuple[Effect, ...]]


def step(record: Record, event: Event, now: float, policy: Policy) -> Step:
    """Apply one event.

    Args:
        record: the state of the fleet.
        event: what happened.
        now: unix seconds by the store's clock.
        policy: thresholds, and times in seconds.

    Returns:
        The new record and what was done, in order.

    Raises:
        HoldOutOfRange: a ``Force`` outside 1 s to 24 h.
    """
    match event:
        case Report():
            return _report(record, event, now, policy)
        case AcquireProbe():
            return _acquire_probe(record, event, now, policy)
        case AcquireTrial():
            return _acquire_trial(record, event, now, policy)
        case Force():
            return _force(record, event, now)
        case Expire():
            return _expire(record, event, now)
        case Clear():
            return _clear(record, now)
        case ResetFailures():
            return _reset_failures(record, now)
        case GiveUp():
            return _give_up(record, event.token), ()
        case Join():
            return _join(record, event, now, policy)


def _report(record: Record, event: Report, now: float, policy: Policy) -> Step:
    ticket = event.ticket
    rule = rule_for(ticket.operation, event.outcome, ticket.phase)
    stale = ticket.generation != record.generation
    lost_lease = ticket.phase is Phase.PROBE and not _holds(ticket.token, record.lease)
    effects: list[Effect] = []
    if rule.count is Count.ADD and not stale:
        record = replace(record, witnesses=_with_witness(record.witnesses, event.worker))
    if ticket.operation is Operation.WRITE or not (stale or lost_lease):
        record, done = _tell_breaker(record, event, rule, now, policy)
        effects += done
    if stale or lost_lease:
        return record, (*effects, Effect(EffectKind.STALE))
    record, done = _apply_rule(record, rule, event, now, policy)
    if ticket.operation is Operation.READ and ticket.phase is Phase.READ_WRITE and record.reason is None:
        record, trend_done = _follow_trend(record, event, rule, now, policy)
        done = (*done, *trend_done)
    return record, (*effects, *done)


def _with_witness(witnesses: str, worker: str) -> str:
    """The list with one more worker, if it is not there; a comma would split a name, and is none of its letters."""
    name = worker.replace(",", "_") or "?"
    known = witnesses.split(",") if witnesses else []
    if name in known or len(known) >= WITNESSES_MAX:
        return witnesses
    return ",".join((*known, name))


def _enough_witnesses(record: Record, policy: Policy) -> bool:
    return len(record.witnesses.split(",")) >= policy.witnesses


def _follow_trend(record: Record, event: Report, rule: Rule, now: float, policy: Policy) -> Step:
    slow, failed = event.latency_s > policy.trend.slow_s, rule.count is Count.ADD
    trend = counted(record.trend, now, slow=slow, failed=failed, policy=policy.trend)
    record = replace(record, trend=trend)
    reason = reason_for(trend, now, policy.trend)
    if reason is None:
        return record, ()
    return _downgrade(record, reason, now, policy, EffectKind.DOWNGRADED)


def _holds(token: str, place: str) -> bool:
    """Whether a token is the one in a lease or a trial; no token holds nothing, nor a free place."""
    return bool(token) and token == place


def _apply_rule(record: Record, rule: Rule, event: Report, now: float, policy: Policy) -> Step:
    if rule.probe is not None:
        record = replace(record, probes=_raised(record.probes, rule.probe), lease="", lease_until=0.0)
    if rule.restore:
        return _restore(record, now)
    if rule.hold is Hold.RETRY_AFTER:
        return _hold_on(record, now, max(policy.hold_s, event.retry_after_s))
    if rule.force is not None:
        kind = EffectKind.REHELD if rule.hold is Hold.FULL else EffectKind.DOWNGRADED
        return _downgrade(record, rule.force, now, policy, kind)
    if rule.count is Count.ZERO:
        return replace(record, failures=0, witnesses=""), ()
    if rule.count is Count.ADD:
        return _count_failure(record, now, policy)
    return record, ()


def _count_failure(record: Record, now: float, policy: Policy) -> Step:
    failures = record.failures + 1
    counted = Effect(EffectKind.FAILURE_COUNTED, str(failures))
    if failures < policy.failure_threshold or not _enough_witnesses(record, policy):
        return replace(record, failures=failures), (counted,)
    record, done = _downgrade(record, Reason.CONSECUTIVE_FAILURES, now, policy, EffectKind.DOWNGRADED)
    return record, (counted, *done)


def _downgrade(record: Record, reason: Reason, now: float, policy: Policy, kind: EffectKind) -> Step:
    if _outlasts(record, now + policy.hold_s):
        return record, (Effect(EffectKind.KEPT, record.reason or ""),)
    held = replace(
        _held(record, reason, now, policy.hold_s),
        operator=False,
        downgrades=_raised(record.downgrades, reason),
    )
    return held, (Effect(kind, reason),)


def _outlasts(record: Record, until: float) -> bool:
    """Whether an operator's hold would be shortened by an automatic one that ends at ``until``."""
    return record.operator and record.until > until


def _held(record: Record, reason: Reason, now: float, hold_s: float) -> Record:
    return replace(
        record,
        generation=record.generation + 1,
        reason=reason,
        since=now,
        until=now + hold_s,
        failures=0,
        witnesses="",
        lease="",
        lease_until=0.0,
        trend=NO_TREND,
    )


def _hold_on(record: Record, now: float, hold_s: float) -> Step:
    reason = record.reason or Reason.PROBE_FAILED
    return replace(_held(record, reason, now, hold_s), operator=False), (Effect(EffectKind.REHELD, reason),)


def _restore(record: Record, now: float) -> Step:
    record, done = _unforced(record, now)
    return replace(record, restores=record.restores + 1), (*done, Effect(EffectKind.RESTORED))


def _unforced(record: Record, now: float) -> Step:
    """End the forced mode and close both breakers: what was learnt about Zep before is no longer true."""
    effects: list[Effect] = []
    for operation in Operation:
        record, done = _close_breaker(record, operation, now)
        effects += done
    record = replace(
        record,
        generation=record.generation + 1,
        reason=None,
        since=0.0,
        until=0.0,
        operator=False,
        failures=0,
        witnesses="",
        lease="",
        lease_until=0.0,
        trend=NO_TREND,
    )
    return record, tuple(effects)


def _force(record: Record, event: Force, now: float) -> Step:
    ttl_s = check_ttl_s(event.ttl_s)
    if not event.operator and _outlasts(record, now + ttl_s):
        return record, (Effect(EffectKind.KEPT, record.reason or ""),)
    held = replace(_held(record, event.reason, now, ttl_s), operator=event.operator)
    if event.operator:
        held = replace(held, forced=_raised(record.forced, event.reason))
        return held, (Effect(EffectKind.FORCED, event.reason),)
    held = replace(held, downgrades=_raised(record.downgrades, event.reason))
    return held, (Effect(EffectKind.DOWNGRADED, event.reason),)


def _clear(record: Record, now: float) -> Step:
    reason = record.reason or ""
    record, done = _unforced(record, now)
    return record, (*done, Effect(EffectKind.CLEARED, reason))


def _reset_failures(record: Record, now: float) -> Step:
    """Start anew to count, the read breaker too: else it opens first and hides the reads that would downgrade."""
    was = str(record.failures)
    record, done = _close_breaker(record, Operation.READ, now)
    return replace(record, failures=0, witnesses=""), (*done, Effect(EffectKind.FAILURES_RESET, was))


def _expire(record: Record, event: Expire, now: float) -> Step:
    if event.generation != record.generation or record.reason is None or record.held(now):
        return record, (Effect(EffectKind.STALE),)
    reason = record.reason
    record, done = _unforced(record, now)
    return record, (*done, Effect(EffectKind.EXPIRED, reason))


def _acquire_probe(record: Record, event: AcquireProbe, now: float, policy: Policy) -> Step:
    due = record.reason is not None and not record.held(now)
    free = not record.lease or record.lease_until <= now
    if event.generation != record.generation or not due or not free:
        return record, (Effect(EffectKind.DENIED),)
    taken = replace(record, lease=event.token, lease_until=now + policy.lease_s)
    return taken, (Effect(EffectKind.GRANTED),)


def _acquire_trial(record: Record, event: AcquireTrial, now: float, policy: Policy) -> Step:
    state = record.breaker(event.operation)
    half_open = not state.closed and state.open_until <= now
    free = not state.trial or state.trial_until <= now
    if event.era != state.era or not half_open or not free:
        return record, (Effect(EffectKind.DENIED),)
    taken = replace(state, trial=event.token, trial_until=now + policy.lease_s)
    return record.with_breaker(event.operation, taken), (Effect(EffectKind.GRANTED),)


def _tell_breaker(record: Record, event: Report, rule: Rule, now: float, policy: Policy) -> Step:
    operation = event.ticket.operation
    state = record.breaker(operation)
    if rule.breaker is Breaker.NOTHING or event.ticket.era != state.era:
        return _free_trial(record, event), ()
    if not state.closed and not _holds(event.ticket.token, state.trial):
        return record, ()
    if rule.breaker is Breaker.SUCCESS:
        if not state.closed:
            return _close_breaker(record, operation, now)
        return record.with_breaker(operation, replace(state, failures=0)), ()
    failures = state.failures + 1
    alone = operation is Operation.READ and not _enough_witnesses(record, policy)
    if state.closed and (failures < policy.breaker_threshold or alone):
        return record.with_breaker(operation, replace(state, failures=failures)), ()
    return _open_breaker(record, operation, now, policy.breaker_open_s)


def _give_up(record: Record, token: str) -> Record:
    """Free what a cancelled call held: the lease, or a trial."""
    if _holds(token, record.lease):
        record = replace(record, lease="", lease_until=0.0)
    for operation in Operation:
        state = record.breaker(operation)
        if _holds(token, state.trial):
            record = record.with_breaker(operation, replace(state, trial="", trial_until=0.0))
    return record


def _join(record: Record, event: Join, now: float, policy: Policy) -> Step:
    """Take in what a process knew or did while the store was away, or before the store forgot.

    A downgrade that it made alone becomes the fleet's, if nothing has changed the mode since it lost the store; of
    several processes the first to return brings it, and it is counted with that one.
    """
    record = replace(record, joins=record.joins + 1)
    known, effects = event.known, []
    if known.generation > record.generation:
        record = _recovered(record, known, now, policy)
        effects.append(Effect(EffectKind.RECOVERED, str(known.generation)))
    if event.reason is None:
        return record, tuple(effects)
    if record.generation != known.generation or record.reason is not None:
        return record, (*effects, Effect(EffectKind.KEPT, record.reason or ""))
    if event.reason is Reason.CONSECUTIVE_FAILURES:
        failures = max(record.failures, policy.failure_threshold)
        witnesses = _with_witness(record.witnesses, event.worker)
        record = replace(record, failures=failures, witnesses=witnesses)
        if not _enough_witnesses(record, policy):
            return record, (*effects, Effect(EffectKind.KEPT))
    until = min(event.until, now + policy.hold_s)
    held = replace(
        _held(record, event.reason, min(event.since, now), 0.0),
        until=until,
        operator=False,
        downgrades=_raised(record.downgrades, event.reason),
    )
    return held, (*effects, Effect(EffectKind.JOINED, event.reason))


def _recovered(record: Record, known: Record, now: float, policy: Policy) -> Record:
    """The record that the store lost, with what has come since; the lower mode and the higher counts of both.

    A probe may have been under way when it was lost: nobody else probes before its lease would have ended.
    """
    held = record if record.reason is not None and record.until > known.until else known
    merged = replace(
        known,
        generation=known.generation + (held is record),
        reason=held.reason,
        since=held.since,
        until=held.until,
        operator=held.operator,
        epoch=max(known.epoch, record.epoch) + 1,
        joins=max(known.joins, record.joins),
        restores=max(known.restores, record.restores),
        opens=max(known.opens, record.opens),
        open_seconds=max(known.open_seconds, record.open_seconds),
        downgrades=_highest(known.downgrades, record.downgrades),
        forced=_highest(known.forced, record.forced),
        probes=_highest(known.probes, record.probes),
        trend=NO_TREND,
    )
    if merged.reason is None:
        return merged
    return replace(merged, lease="lost", lease_until=now + policy.lease_s)


def _highest(one: Mapping[str, int], other: Mapping[str, int]) -> Mapping[str, int]:
    return MappingProxyType({label: max(count, other.get(label, 0)) for label, count in one.items()})


def _free_trial(record: Record, event: Report) -> Record:
    """A trial that taught nothing (a 429, a 401) gives its place to the next call."""
    state = record.breaker(event.ticket.operation)
    if not _holds(event.ticket.token, state.trial):
        return record
    return record.with_breaker(event.ticket.operation, replace(state, trial="", trial_until=0.0))


def _open_breaker(record: Record, operation: Operation, now: float, open_s: float) -> Step:
    until = now + open_s
    opened = BreakerState(era=record.breaker(operation).era + 1, open_until=until)
    record = record.with_breaker(operation, opened)
    if now < record.open_until:  # the other one is open too: seconds are counted once
        record = replace(record, opens=record.opens + 1, open_until=max(record.open_until, until))
    else:
        record = replace(
            record,
            opens=record.opens + 1,
            open_seconds=record.open_seconds_at(now),
            open_from=now,
            open_until=until,
        )
    return record, (Effect(EffectKind.BREAKER_OPENED, operation),)


def _close_breaker(record: Record, operation: Operation, now: float) -> Step:
    state = record.breaker(operation)
    if state.closed:
        return record.with_breaker(operation, replace(state, failures=0)), ()
    record = record.with_breaker(operation, BreakerState(era=state.era + 1))
    other = record.breaker(Operation.WRITE if operation is Operation.READ else Operation.READ)
    ends = max(now, other.open_until)
    if ends < record.open_until:
        record = replace(record, open_until=ends)
    return record, (Effect(EffectKind.BREAKER_CLOSED, operation),)


def _raised(counts: Mapping[str, int], label: str) -> Mapping[str, int]:
    return MappingProxyType({**counts, label: counts.get(label, 0) + 1})
