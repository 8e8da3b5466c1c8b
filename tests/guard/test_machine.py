"""The transition function: every event in every state, and what must never happen."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from types import MappingProxyType

import pytest

from guard.core.events import (
    AcquireProbe,
    AcquireTrial,
    Clear,
    Effect,
    EffectKind,
    Expire,
    Force,
    Policy,
    Report,
    ResetFailures,
    Ticket,
)
from guard.core.machine import step
from guard.core.modes import Reason
from guard.core.record import EMPTY, BreakerState, Record
from guard.core.table import Operation, Outcome, Phase
from guard.errors import HoldOutOfRange

READ, WRITE = Operation.READ, Operation.WRITE
POLICY = Policy(hold_s=300, failure_threshold=3, breaker_threshold=3, breaker_open_s=30, lease_s=4)
NOW = 10_000.0

NORMAL = replace(EMPTY, generation=7, failures=2)
HELD = replace(NORMAL, reason=Reason.AUTH, since=NOW - 10, until=NOW + 290, failures=0)
OPERATOR = replace(HELD, reason=Reason.MANUAL, operator=True, until=NOW + 1000)
ENDED = replace(HELD, since=NOW - 301, until=NOW - 1)
PROBING = replace(ENDED, lease="mine", lease_until=NOW + 3)
OPEN = BreakerState(era=4, open_until=NOW + 20)
HALF_OPEN = BreakerState(era=4, open_until=NOW - 1)
TRIAL = replace(HALF_OPEN, trial="mine", trial_until=NOW + 3)
READ_OPEN = replace(NORMAL, read=OPEN, opens=1, open_from=NOW - 10, open_until=NOW + 20)

STATES = {
    "normal": NORMAL,
    "held": HELD,
    "held by an operator": OPERATOR,
    "hold ended": ENDED,
    "probing": PROBING,
    "read breaker open": READ_OPEN,
    "both breakers half-open": replace(NORMAL, read=HALF_OPEN, write=HALF_OPEN),
    "trials under way": replace(NORMAL, read=TRIAL, write=TRIAL),
}


def report(outcome: Outcome | str, record: Record, **changes: object) -> Report:
    """A report admitted in ``record``, in read_write unless said otherwise."""
    fields: dict[str, object] = {"operation": READ, "phase": Phase.READ_WRITE, "token": "", **changes}
    retry_after_s = fields.pop("retry_after_s", 0.0)
    generation = fields.pop("generation", record.generation)
    era = fields.pop("era", record.breaker(fields["operation"]).era)  # type: ignore[arg-type]
    ticket = Ticket(generation=generation, era=era, **fields)  # type: ignore[arg-type]
    return Report(ticket=ticket, outcome=Outcome(outcome), retry_after_s=retry_after_s)  # type: ignore[arg-type]


def kinds(effects: tuple[Effect, ...]) -> list[EffectKind]:
    return [effect.kind for effect in effects]


def run(record: Record, *events: object, now: float = NOW, policy: Policy = POLICY) -> Record:
    for event in events:
        record, _ = step(record, event, now, policy)  # type: ignore[arg-type]
    return record


# -- failure count ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", ["timeout", "connection", "server_error", "wrong_shape"])
def test_the_third_failed_read_in_a_row_downgrades(outcome: str) -> None:
    """Two failures only count; the third forces consecutive_failures for the hold and starts the count at 0."""
    record = EMPTY
    for expected in (1, 2):
        record, effects = step(record, report(outcome, record), NOW, POLICY)
        assert (record.failures, record.reason, record.generation) == (expected, None, 0)
        assert effects == (Effect(EffectKind.FAILURE_COUNTED, str(expected)),)
    record, effects = step(record, report(outcome, record), NOW, POLICY)
    assert effects[-2:] == (
        Effect(EffectKind.FAILURE_COUNTED, "3"),
        Effect(EffectKind.DOWNGRADED, "consecutive_failures"),
    )
    assert (record.reason, record.since, record.until) == (Reason.CONSECUTIVE_FAILURES, NOW, NOW + 300)
    assert (record.failures, record.generation, record.operator) == (0, 1, False)
    assert {reason: count for reason, count in record.downgrades.items() if count} == {"consecutive_failures": 1}


@pytest.mark.parametrize("outcome", ["answered", "not_found"])
def test_a_read_that_is_answered_sets_the_count_to_0(outcome: str) -> None:
    assert step(NORMAL, report(outcome, NORMAL), NOW, POLICY) == (replace(NORMAL, failures=0), ())


@pytest.mark.parametrize("outcome", ["refused", "rate_limited"])
def test_a_refusal_or_a_429_neither_counts_nor_resets(outcome: str) -> None:
    assert step(NORMAL, report(outcome, NORMAL), NOW, POLICY) == (NORMAL, ())


@pytest.mark.parametrize("outcome", [o for o in Outcome if o is not Outcome.AUTH])
@pytest.mark.parametrize("phase", [Phase.READ_WRITE, Phase.WRITE_ONLY])
def test_a_write_never_moves_the_count_of_failed_reads(outcome: Outcome, phase: Phase) -> None:
    record, _ = step(NORMAL, report(outcome, NORMAL, operation=WRITE, phase=phase), NOW, POLICY)
    assert replace(record, write=NORMAL.write) == NORMAL


@pytest.mark.parametrize("operation", list(Operation))
def test_a_401_on_a_read_or_a_write_forces_auth_at_once(operation: Operation) -> None:
    record, effects = step(NORMAL, report("auth", NORMAL, operation=operation), NOW, POLICY)
    assert kinds(effects) == [EffectKind.DOWNGRADED]
    assert (record.reason, record.until, record.failures) == (Reason.AUTH, NOW + 300, 0)
    assert record.downgrades["auth"] == 1


# -- fences ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("operation", list(Operation))
@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("age", [1, -1])
def test_a_result_of_another_generation_changes_nothing(
    state: str, outcome: Outcome, operation: Operation, phase: Phase, age: int
) -> None:
    """Whatever ends after the state it was admitted in moves neither mode, hold, lease nor count."""
    record = STATES[state]
    era = record.breaker(operation).era - 1
    late = report(
        outcome, record, operation=operation, phase=phase, generation=record.generation - age, era=era, token="late"
    )
    after, effects = step(record, late, NOW, POLICY)
    assert after == record
    assert kinds(effects) == [EffectKind.STALE]


def test_a_slow_read_that_succeeds_after_the_trip_changes_nothing() -> None:
    slow = report("answered", EMPTY)
    tripped = run(EMPTY, *[report("timeout", EMPTY)] * 3)
    assert tripped.reason is Reason.CONSECUTIVE_FAILURES
    assert step(tripped, slow, NOW + 1, POLICY) == (tripped, (Effect(EffectKind.STALE),))


def test_the_same_401_of_eight_processes_downgrades_once() -> None:
    record = run(EMPTY, *[report("auth", EMPTY)] * 8)
    assert (record.generation, record.downgrades["auth"]) == (1, 1)


@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("token", ["", "other"])
def test_a_probe_without_the_lease_changes_nothing(outcome: Outcome, state: str, token: str) -> None:
    """The token of a lost lease is stale; so is no token at all, also where nobody has the lease."""
    record = STATES[state]
    assert step(record, report(outcome, record, phase=Phase.PROBE, token=token), NOW, POLICY) == (
        record,
        (Effect(EffectKind.STALE),),
    )


# -- the probe's lease -----------------------------------------------------------------------------------------------


def test_exactly_one_gets_the_probe_of_an_ended_hold() -> None:
    record, effects = step(ENDED, AcquireProbe(generation=7, token="first"), NOW, POLICY)
    assert kinds(effects) == [EffectKind.GRANTED]
    assert (record.lease, record.lease_until) == ("first", NOW + 4)
    assert step(record, AcquireProbe(generation=7, token="second"), NOW + 3.9, POLICY) == (
        record,
        (Effect(EffectKind.DENIED),),
    )


def test_a_dead_prober_blocks_nobody_beyond_its_lease() -> None:
    """When the lease has run out another gets it, and what the first reports later is stale."""
    record = run(ENDED, AcquireProbe(generation=7, token="dead"))
    record, effects = step(record, AcquireProbe(generation=7, token="next"), NOW + 4, POLICY)
    assert kinds(effects) == [EffectKind.GRANTED]
    late = report("answered", record, phase=Phase.PROBE, token="dead")
    assert step(record, late, NOW + 4, POLICY) == (record, (Effect(EffectKind.STALE),))
    restored, _ = step(record, report("answered", record, phase=Phase.PROBE, token="next"), NOW + 4, POLICY)
    assert restored.reason is None


@pytest.mark.parametrize("state", [name for name in STATES if name != "hold ended"])
def test_there_is_no_probe_where_no_hold_has_ended(state: str) -> None:
    record = STATES[state]
    event = AcquireProbe(generation=record.generation, token="t")
    assert step(record, event, NOW, POLICY) == (record, (Effect(EffectKind.DENIED),))


def test_a_probe_asked_for_in_an_older_generation_is_denied() -> None:
    assert step(ENDED, AcquireProbe(generation=6, token="t"), NOW, POLICY) == (ENDED, (Effect(EffectKind.DENIED),))


# -- what a probe does -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", ["answered", "not_found"])
def test_a_probe_that_is_answered_restores(outcome: str) -> None:
    """Base mode is back, the count is 0, both breakers are closed, and the restore and the probe are counted."""
    record = replace(PROBING, failures=2, read=OPEN, write=TRIAL, open_from=NOW - 5, open_until=NOW + 20)
    after, effects = step(record, report(outcome, record, phase=Phase.PROBE, token="mine"), NOW, POLICY)
    assert (after.reason, after.since, after.until, after.operator) == (None, 0.0, 0.0, False)
    assert (after.failures, after.lease, after.lease_until) == (0, "", 0.0)
    assert (after.generation, after.restores, after.probes["succeeded"]) == (8, 1, 1)
    assert after.read.closed
    assert after.write.closed
    assert (after.read.era, after.write.era) == (5, 5)
    assert effects[-1] == Effect(EffectKind.RESTORED)
    assert after.open_seconds_at(NOW + 100) == 5
    assert sum(after.downgrades.values()) == 0


@pytest.mark.parametrize("outcome", ["timeout", "connection", "server_error", "wrong_shape", "auth", "refused"])
@pytest.mark.parametrize("reason", list(Reason))
def test_a_probe_that_fails_holds_again_for_the_full_hold(outcome: str, reason: Reason) -> None:
    """Whatever the reason before, it is probe_failed now; a short operator's hold gives way to a full one."""
    record = replace(PROBING, reason=reason, operator=True, failures=2)
    after, effects = step(record, report(outcome, record, phase=Phase.PROBE, token="mine"), NOW, POLICY)
    assert effects == (Effect(EffectKind.REHELD, "probe_failed"),)
    assert (after.reason, after.since, after.until) == (Reason.PROBE_FAILED, NOW, NOW + 300)
    assert (after.generation, after.failures, after.lease, after.operator) == (8, 0, "", False)
    assert (after.downgrades["probe_failed"], after.probes["failed"], after.restores) == (1, 1, 0)


@pytest.mark.parametrize(("retry_after_s", "hold_s"), [(0, 300), (20, 300), (300, 300), (900, 900)])
def test_a_429_as_probe_holds_for_the_longer_of_hold_and_retry_after(retry_after_s: float, hold_s: float) -> None:
    """And is no downgrade: the reason stays, no downgrade is counted."""
    event = report("rate_limited", PROBING, phase=Phase.PROBE, token="mine", retry_after_s=retry_after_s)
    after, effects = step(PROBING, event, NOW, POLICY)
    assert effects == (Effect(EffectKind.REHELD, "auth"),)
    assert (after.reason, after.since, after.until) == (Reason.AUTH, NOW, NOW + hold_s)
    assert (after.generation, after.lease, after.probes["rate_limited"]) == (8, "", 1)
    assert sum(after.downgrades.values()) == 0


# -- operators -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("reason", list(Reason))
def test_an_operator_may_force_in_any_state(state: str, reason: Reason) -> None:
    record = STATES[state]
    after, effects = step(record, Force(reason=reason, ttl_s=60), NOW, POLICY)
    assert effects == (Effect(EffectKind.FORCED, reason),)
    assert (after.reason, after.since, after.until, after.operator) == (reason, NOW, NOW + 60, True)
    assert (after.generation, after.failures, after.lease) == (record.generation + 1, 0, "")
    assert after.forced[reason] == record.forced[reason] + 1
    assert after.downgrades == record.downgrades


@pytest.mark.parametrize("ttl_s", [0, 0.999, -1, 86_400.001, float("inf"), float("nan")])
@pytest.mark.parametrize("operator", [True, False])
def test_a_hold_outside_1_s_to_24_h_is_refused(ttl_s: float, operator: bool) -> None:
    with pytest.raises(HoldOutOfRange, match="choose 1 to 86400 s"):
        step(NORMAL, Force(reason=Reason.MANUAL, ttl_s=ttl_s, operator=operator), NOW, POLICY)


@pytest.mark.parametrize("ttl_s", [1, 86_400])
def test_a_hold_of_1_s_or_24_h_is_taken(ttl_s: float) -> None:
    assert run(NORMAL, Force(reason=Reason.MANUAL, ttl_s=ttl_s)).until == NOW + ttl_s


@pytest.mark.parametrize("ttl_s", [1, 300, 999.9])
def test_an_automatic_force_never_shortens_an_operators_hold(ttl_s: float) -> None:
    event = Force(reason=Reason.AUTH, ttl_s=ttl_s, operator=False)
    assert step(OPERATOR, event, NOW, POLICY) == (OPERATOR, (Effect(EffectKind.KEPT, "manual"),))


def test_an_automatic_force_may_outlast_an_operators_hold() -> None:
    after, effects = step(OPERATOR, Force(reason=Reason.AUTH, ttl_s=1001, operator=False), NOW, POLICY)
    assert kinds(effects) == [EffectKind.DOWNGRADED]
    assert (after.until, after.downgrades["auth"]) == (NOW + 1001, 1)


@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("operation", list(Operation))
def test_no_result_shortens_an_operators_hold(outcome: Outcome, operation: Operation) -> None:
    """Not even one that claims to be of this generation and of read_write."""
    after, _ = step(OPERATOR, report(outcome, OPERATOR, operation=operation), NOW, POLICY)
    assert after.until >= OPERATOR.until
    assert after.reason is Reason.MANUAL


@pytest.mark.parametrize("state", STATES)
def test_clear_ends_whatever_was_forced(state: str) -> None:
    """The mode is free, the count 0, both breakers closed, and calls under way are of an older generation."""
    record = STATES[state]
    after, effects = step(record, Clear(), NOW, POLICY)
    assert effects[-1] == Effect(EffectKind.CLEARED, record.reason or "")
    assert (after.reason, after.failures, after.lease, after.operator) == (None, 0, "", False)
    assert after.read.closed
    assert after.write.closed
    assert after.generation == record.generation + 1
    assert (after.restores, after.downgrades, after.forced) == (record.restores, record.downgrades, record.forced)


@pytest.mark.parametrize("state", STATES)
def test_reset_failures_closes_the_read_breaker_and_leaves_the_rest(state: str) -> None:
    record = replace(STATES[state], read=replace(STATES[state].read, failures=2))
    after, effects = step(record, ResetFailures(), NOW, POLICY)
    closed = () if record.read.closed else (Effect(EffectKind.BREAKER_CLOSED, READ),)
    assert effects == (*closed, Effect(EffectKind.FAILURES_RESET, str(record.failures)))
    assert after.read == BreakerState(era=record.read.era + len(closed))
    assert replace(after, read=record.read, open_until=record.open_until) == replace(record, failures=0)


@pytest.mark.parametrize("state", STATES)
def test_only_an_ended_hold_expires(state: str) -> None:
    """Where base is not read_write an ended hold goes without a probe and without counting as a restore."""
    record = STATES[state]
    after, effects = step(record, Expire(generation=record.generation), NOW, POLICY)
    if state not in ("hold ended", "probing"):
        assert (after, effects) == (record, (Effect(EffectKind.STALE),))
        return
    assert effects == (Effect(EffectKind.EXPIRED, "auth"),)
    assert (after.reason, after.generation, after.restores) == (None, 8, 0)
    assert step(record, Expire(generation=6), NOW, POLICY) == (record, (Effect(EffectKind.STALE),))


# -- breakers --------------------------------------------------------------------------------------------------------

WIDE = replace(POLICY, failure_threshold=1000)


@pytest.mark.parametrize("operation", list(Operation))
def test_a_breaker_opens_after_three_failures_in_a_row(operation: Operation) -> None:
    """A success in between starts the row anew; the other breaker hears nothing."""
    bad, good = report("timeout", EMPTY, operation=operation), report("answered", EMPTY, operation=operation)
    record = run(EMPTY, bad, bad, good, bad, bad, policy=WIDE)
    assert record.breaker(operation).closed
    record, effects = step(record, bad, NOW, WIDE)
    assert Effect(EffectKind.BREAKER_OPENED, operation) in effects
    opened = record.breaker(operation)
    assert (opened.open_until, opened.era, opened.failures, record.opens) == (NOW + 30, 1, 0, 1)
    assert record.breaker(WRITE if operation is READ else READ) == BreakerState()


@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("operation", list(Operation))
@pytest.mark.parametrize("breaker", [OPEN, HALF_OPEN, TRIAL], ids=["open", "half-open", "trial"])
@pytest.mark.parametrize("token", ["", "other"])
def test_only_the_trial_moves_a_breaker_that_is_not_closed(
    outcome: Outcome, operation: Operation, breaker: BreakerState, token: str
) -> None:
    record = NORMAL.with_breaker(operation, breaker)
    event = report(outcome, record, operation=operation, token=token)
    after, _ = step(record, event, NOW, WIDE)
    assert after.breaker(operation) == breaker


@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("operation", list(Operation))
def test_a_result_of_an_older_era_does_not_move_a_breaker(outcome: Outcome, operation: Operation) -> None:
    for breaker in (OPEN, HALF_OPEN, BreakerState(era=4, failures=2)):
        record = NORMAL.with_breaker(operation, breaker)
        after, _ = step(record, report(outcome, record, operation=operation, era=3), NOW, WIDE)
        assert after.breaker(operation) == breaker


@pytest.mark.parametrize("operation", list(Operation))
def test_one_trial_is_given_when_half_open(operation: Operation) -> None:
    """Not while open, not for an older era, not twice; a dead trial is replaced when its time is over."""
    denied = (Effect(EffectKind.DENIED),)
    half = NORMAL.with_breaker(operation, HALF_OPEN)
    ask = AcquireTrial(operation=operation, era=4, token="a")
    assert step(NORMAL, replace(ask, era=0), NOW, POLICY) == (NORMAL, denied)
    opened = NORMAL.with_breaker(operation, OPEN)
    assert step(opened, ask, NOW, POLICY) == (opened, denied)
    assert step(half, replace(ask, era=3), NOW, POLICY) == (half, denied)
    taken, effects = step(half, ask, NOW, POLICY)
    assert kinds(effects) == [EffectKind.GRANTED]
    assert step(taken, replace(ask, token="b"), NOW + 3.9, POLICY) == (taken, denied)
    assert run(taken, replace(ask, token="b"), now=NOW + 4).breaker(operation).trial == "b"


@pytest.mark.parametrize("operation", list(Operation))
def test_the_trial_decides(operation: Operation) -> None:
    """A success closes the breaker; one failure opens it again for the full time, in a new era."""
    record = NORMAL.with_breaker(operation, TRIAL)
    good, effects = step(record, report("answered", record, operation=operation, token="mine"), NOW, WIDE)
    assert effects[0] == Effect(EffectKind.BREAKER_CLOSED, operation)
    assert good.breaker(operation) == BreakerState(era=5)
    bad, effects = step(record, report("timeout", record, operation=operation, token="mine"), NOW, WIDE)
    assert effects[0] == Effect(EffectKind.BREAKER_OPENED, operation)
    assert bad.breaker(operation) == BreakerState(era=5, open_until=NOW + 30)


@pytest.mark.parametrize("operation", list(Operation))
@pytest.mark.parametrize("outcome", ["rate_limited", "refused"])
def test_a_trial_that_taught_nothing_gives_its_place_to_the_next(operation: Operation, outcome: str) -> None:
    record = NORMAL.with_breaker(operation, TRIAL)
    after, _ = step(record, report(outcome, record, operation=operation, token="mine"), NOW, WIDE)
    assert after.breaker(operation) == HALF_OPEN


def test_the_write_breaker_works_in_a_forced_write_only() -> None:
    """Also for results of calls that were admitted before the mode changed."""
    bad = report("timeout", HELD, operation=WRITE, phase=Phase.WRITE_ONLY)
    before = report("timeout", HELD, operation=WRITE, generation=6)
    after = run(HELD, before, bad, bad)
    assert not after.write.closed
    assert replace(after, write=HELD.write, opens=0, open_from=0.0, open_until=0.0) == HELD


@pytest.mark.parametrize(
    ("story", "seconds"),
    [
        ([("read", 0), ("seen", 100)], 30),
        ([("read", 0), ("write", 10), ("seen", 100)], 40),
        ([("read", 0), ("write", 10), ("clear", 15), ("seen", 100)], 15),
        ([("read", 0), ("clear", 10), ("write", 20), ("seen", 100)], 40),
        ([("read", 0), ("write", 50), ("seen", 55)], 35),
        ([("read", 0), ("write", 30), ("seen", 100)], 60),
    ],
)
def test_seconds_open_are_those_with_either_breaker_open(story: list[tuple[str, float]], seconds: float) -> None:
    """Counted once where both are open, until the one that ends last, less what a clear cuts off."""
    record = EMPTY
    for what, at in story:
        if what == "clear":
            record = run(record, Clear(), now=NOW + at)
        elif what != "seen":
            bad = report("timeout", record, operation=Operation(what))
            record = run(record, *[bad] * 3, now=NOW + at, policy=WIDE)
    assert record.open_seconds_at(NOW + story[-1][1]) == pytest.approx(seconds)


# -- nothing else changes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", STATES)
def test_no_event_changes_the_record_that_it_was_given(state: str) -> None:
    """Records are values: a step gives a new one, and its counts cannot be written to."""
    record = STATES[state]
    before = repr(record)
    for operation, outcome, phase in product(Operation, Outcome, Phase):
        step(record, report(outcome, record, operation=operation, phase=phase, token="mine"), NOW, POLICY)
    for event in (Clear(), ResetFailures(), Force(reason=Reason.MANUAL, ttl_s=9)):
        step(record, event, NOW, POLICY)
    assert repr(record) == before
    assert isinstance(run(record, Force(reason=Reason.MANUAL, ttl_s=9)).forced, MappingProxyType)


@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("operation", list(Operation))
@pytest.mark.parametrize("state", STATES)
def test_an_outcome_of_write_only_never_changes_the_mode(outcome: Outcome, operation: Operation, state: str) -> None:
    record = STATES[state]
    event = report(outcome, record, operation=operation, phase=Phase.WRITE_ONLY)
    after, _ = step(record, event, NOW, POLICY)
    assert (after.generation, after.reason, after.until, after.failures, after.downgrades) == (
        record.generation,
        record.reason,
        record.until,
        record.failures,
        record.downgrades,
    )
