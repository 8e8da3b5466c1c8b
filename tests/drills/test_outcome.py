"""A drill's outcome is its worst scenario's, and nothing at all is no pass."""

import pytest

from zepguard.drills.catalogue import catalogue
from zepguard.drills.outcome import ScenarioOutcome, by_drill, verdict
from zepguard.drills.report import merged_results, results_of
from zepguard.drills.select import matches
from zepguard.drills.shares import shares


def outcome(status: str = "passed", ids: tuple[str, ...] = ("drill4-gauge",), **changes: object) -> ScenarioOutcome:
    fields = {
        "feature": "Drill 4, auth failure",
        "name": "the gauge <b>shows</b> it",
        "ids": ids,
        "status": status,
        "problem": "" if status == "passed" else "gauge is 0",
        "seen": ("gauge 1",),
        "steps": (),
        "took_s": 1.5,
    }
    return ScenarioOutcome(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["passed", "passed"], "passed"),
        (["passed", "failed", "void"], "failed"),
        (["passed", "void"], "void"),
        ([], "void"),
    ],
)
def test_the_worst_scenario_decides(statuses: list[str], expected: str) -> None:
    assert verdict([outcome(status) for status in statuses]) == expected


def test_scenarios_are_grouped_by_drill_in_their_order() -> None:
    groups = by_drill([outcome(), outcome(ids=("ops-status",), feature="Operational commands"), outcome()])
    assert [(group.name, len(group.scenarios)) for group in groups] == [("drill 4", 2), ("operational commands", 1)]


def test_a_drill_is_one_line_with_what_was_seen_or_what_is_wrong() -> None:
    good, bad = by_drill([outcome()])[0], by_drill([outcome("failed")])[0]
    assert good.line() == "PASSED  Drill 4, auth failure (1/1 in 2 s): gauge 1"
    assert bad.line() == "FAILED  Drill 4, auth failure (0/1 in 2 s): gauge is 0"


@pytest.mark.parametrize(
    ("selector", "ids", "expected"),
    [
        ("4", ("drill4-gauge",), True),
        ("drill4", ("drill4-gauge",), True),
        ("drill 4", ("drill4-gauge",), True),
        ("drill4-gauge", ("drill4-gauge",), True),
        ("drill4-gau", ("drill4-gauge",), False),
        ("ops", ("ops-status",), True),
        ("4", ("drill14-gauge",), False),
        ("5", ("drill4-gauge",), False),
    ],
)
def test_a_selector_means_a_drill_a_stage_or_one_item(selector: str, ids: tuple[str, ...], expected: bool) -> None:
    assert matches(selector, ids) is expected


def test_parts_are_brought_together_in_the_checklists_order_with_the_worst_verdict() -> None:
    later = results_of([outcome(ids=("ops-status",), feature="Operational commands")], world="stack", time_scale=60)
    earlier = results_of([outcome("failed")], world="stack", time_scale=60)
    together = merged_results([later, earlier])
    assert together["verdict"] == "failed"
    assert [drill["name"] for drill in together["drills"]] == ["drill 4", "operational commands"]


@pytest.mark.parametrize("parts", [1, 2, 3, 9])
def test_every_selected_scenario_is_in_exactly_one_share(parts: int) -> None:
    scenarios = list(catalogue())
    dealt = shares(scenarios, (), parts)
    assert 1 <= len(dealt) <= parts
    assert all(dealt)
    for one in scenarios:
        assert sum(any(matches(selector, one.ids) for selector in share) for share in dealt) == 1
    assert shares(scenarios, ("4",), parts) == [
        ("drill4-counter", "drill4-gauge", "drill4-immediate", "drill4-logs", "drill4-restore")
    ]
