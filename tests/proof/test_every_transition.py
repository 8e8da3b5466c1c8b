"""Each outcome in each state, against rules that share no line with the machine; and each cell of the table matters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from functools import cache
from itertools import product
from typing import Any

import pytest

from guard.core import table
from guard.core.events import Policy, Report
from guard.core.machine import step
from guard.core.modes import Reason
from guard.core.table import TABLE, Breaker, Count, Hold, Operation, Outcome, Pause, Phase, ProbeResult, Rule
from tests.proof.oracle import expected, pause_of
from tests.proof.states import STATES, State, build, tickets

WORKERS = ("w1", "w2", "w,3")
WITNESSES = (1, 2, 3)
LATENCIES = (0.1, 0.5)
RETRY_AFTER_S = 400.0  # longer than a hold

Cell = tuple[Operation, Outcome, Phase]
CELLS: list[Cell] = list(product(Operation, Outcome, Phase))


@cache
def state_of(name: str, witnesses: int) -> State:
    return build(name, Policy(witnesses=witnesses))


def cases(cell: Cell, name: str) -> Iterator[tuple[State, Report]]:
    operation, outcome, phase = cell
    for witnesses in WITNESSES:
        state = state_of(name, witnesses)
        for ticket, worker in product(tickets(state, operation, phase), WORKERS):
            for latency_s in LATENCIES if "min" in name else LATENCIES[:1]:
                yield (
                    state,
                    Report(
                        ticket=ticket,
                        outcome=outcome,
                        worker=worker,
                        latency_s=latency_s,
                        retry_after_s=RETRY_AFTER_S,
                        thread_id="t",
                    ),
                )


def differences(cell: Cell, name: str) -> Iterator[str]:
    """Where machine and rules part, in words."""
    for state, report in cases(cell, name):
        after, effects = step(state.record, report, state.now, state.policy)
        told = expected(state.record, report, state.now, state.policy, list(state.reads))
        said = [(effect.kind.value, effect.detail) for effect in effects]
        if after != told.record or said != told.log:
            changed = [
                f"{f.name}: {getattr(after, f.name)!r}, by the rules {getattr(told.record, f.name)!r}"
                for f in fields(after)
                if f.compare and getattr(after, f.name) != getattr(told.record, f.name)
            ]
            where = f"{state.name}, {report.ticket}, {report.worker}, {state.policy.witnesses}"
            yield f"{where}: {changed} {said} {told.log}"
        pause_s, why = pause_of(report, state.policy)
        paused = (state.policy.pause_s(report), table.rule_for(*cell).pause.value)
        if paused != (pause_s, why):
            yield f"{state.name}: a pause of {paused}, by the rules {(pause_s, why)}"


@pytest.mark.parametrize("name", STATES)
def test_every_outcome_does_what_the_rules_say(name: str) -> None:
    """54 rows, each with tickets of this state and of older ones, by three workers, for one to three witnesses."""
    for cell in CELLS:
        assert next(differences(cell, name), None) is None


def test_the_states_are_what_they_are_called() -> None:
    """A state that is not the one meant would be a case that is not tried."""
    at = {name: state_of(name, 1) for name in STATES}
    records = {name: state.record for name, state in at.items()}
    assert [records[name].failures for name in ("normal", "one failure", "two failures")] == [0, 1, 2]
    for reason in Reason:
        state = at[f"forced {reason.value}"]
        assert state.record.reason is reason
        assert state.record.held(state.now)
    assert not records["hold ended"].held(at["hold ended"].now)
    assert records["probing"].lease == "held"
    assert records["probe lost"].lease == "another"
    assert (records["probing, two failures"].lease, records["probing, two failures"].failures) == ("held", 2)
    both = records["probing, both breakers open"]
    assert (both.reason, both.lease, both.read.closed, both.write.closed) == (Reason.AUTH, "held", False, False)
    for side in ("read", "write"):
        opened, half, trial = (at[f"{side} {rest}"] for rest in ("breaker open", "breaker half-open", "trial"))
        assert opened.record.breaker(Operation(side)).open_until > opened.now
        assert 0 < half.record.breaker(Operation(side)).open_until < half.now
        assert trial.record.breaker(Operation(side)).trial == "held"
        assert trial.record.reason is None
    assert records["write breaker closed again"].opens == 1
    assert records["write breaker closed again"].write.failures == 2
    assert all(records[name].reason is None for name in STATES if "min" in name)


@pytest.mark.parametrize(
    ("name", "latency_s", "outcome", "reason"),
    [
        ("slow for 15 min", 0.5, "answered", Reason.READ_LATENCY),
        ("slow for 14 min", 0.5, "answered", None),
        ("failing for 10 min", 0.1, "timeout", Reason.FAILURE_RATE),
    ],
)
def test_a_trend_is_over_its_bound_at_the_minute_and_not_before(
    name: str, latency_s: float, outcome: str, reason: Reason | None
) -> None:
    state = state_of(name, 1)
    report = next(r for _, r in cases((Operation.READ, Outcome(outcome), Phase.READ_WRITE), name))
    after, _ = step(state.record, replace(report, latency_s=latency_s), state.now, state.policy)
    assert after.reason is reason


# -- each cell matters -----------------------------------------------------------------------------------------------

CHOICES: dict[str, tuple[Any, ...]] = {
    "count": tuple(Count),
    "force": (None, *Reason),
    "hold": tuple(Hold),
    "restore": (False, True),
    "breaker": tuple(Breaker),
    "probe": (None, *ProbeResult),
    "pause": tuple(Pause),
}


def mutants(rule: Rule) -> Iterator[tuple[str, Any, Rule]]:
    for name, choices in CHOICES.items():
        for value in choices:
            if value is not getattr(rule, name):
                yield name, value, replace(rule, **{name: value})


def same_by_design(rule: Rule, name: str, value: Any) -> bool:
    """Whether a changed entry says nothing, since another entry of the same row decides.

    - A restore sets count, force and hold itself: those of its row (but a count of 1 more) say nothing.
    - A hold as long as Zep asked for gives the reason itself: its row's force says nothing, nor does a count of 0.
    - A force starts a new count: a count of 0 beside it says nothing.
    - A restore closes both breakers: a success told to the read breaker besides says nothing.
    - ``hold: full`` only names a force that follows a probe: without a force it says nothing.
    """
    if name == "breaker":
        return rule.restore and value is Breaker.SUCCESS
    if name == "count":
        hidden = rule.restore or rule.hold is Hold.RETRY_AFTER or rule.force is not None
        return hidden and value is not Count.ADD
    if name == "force":
        return rule.restore or rule.hold is Hold.RETRY_AFTER
    if name == "hold":
        return rule.restore or (
            rule.force is None and value is not Hold.RETRY_AFTER and rule.hold is not Hold.RETRY_AFTER
        )
    return False


def noticed(cell: Cell) -> bool:
    return any(True for name in STATES for _ in differences(cell, name))


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: "-".join(cell))
def test_a_changed_cell_of_the_table_is_noticed(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each entry of the row is given each other value it could have; only those that say nothing pass."""
    rule = TABLE[cell]
    missed, wrongly = [], []
    for name, value, mutant in mutants(rule):
        monkeypatch.setitem(TABLE, cell, mutant)
        same = same_by_design(rule, name, value)
        if noticed(cell) == same:
            (wrongly if same else missed).append((name, value))
        monkeypatch.setitem(TABLE, cell, rule)
    assert missed == [], "a change of the table that no rule sees"
    assert wrongly == [], "thought to say nothing, and does"
