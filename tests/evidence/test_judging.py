"""Not run is not passed, on no way to a verdict."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zepguard.drills.catalogue import CataloguedScenario
from zepguard.drills.checklist import Item
from zepguard.evidence import Evidence, Finding, ItemResult, Run, Verdict
from zepguard.evidence.judging import found_good, item_states, stage_verdicts
from zepguard.evidence.model import ItemState, Product, Status

WORLDS = ("sim", "stack")
RUN = Run(command="c", world="sim", time_scale=1, started="2026", finished="2026")


def item(name: str = "an-item", **changes: Any) -> Item:
    return Item(**{"id": name, "stage": "s", "says": "it holds", "worlds": WORLDS, **changes})


def told(*results: tuple[str, str, str]) -> Evidence:
    return Evidence(
        run=RUN,
        product=Product(version="1"),
        results=tuple(
            ItemResult.model_validate({"item": one, "where": world, "status": status, "by": "b", "seen": (status,)})
            for one, world, status in results
        ),
    )


def state(evidence: list[Evidence], of: Item | None = None) -> ItemState:
    return item_states([of or item()], evidence, scenarios=[])[0]


@pytest.mark.parametrize(
    ("sim", "stack", "expected"),
    [
        ("passed", "passed", Status.PASSED),
        ("passed", None, Status.PARTLY),
        (None, "passed", Status.PARTLY),
        (None, None, Status.NOT_RUN),
        ("passed", "failed", Status.FAILED),
        ("void", "failed", Status.FAILED),
        ("passed", "void", Status.VOID),
        ("void", None, Status.VOID),
    ],
)
def test_an_item_passes_when_it_passed_in_each_world_that_it_needs(
    sim: str | None, stack: str | None, expected: Status
) -> None:
    results = [("an-item", world, status) for world, status in zip(WORLDS, (sim, stack), strict=True) if status]
    found = state([told(*results)])
    assert found.status is expected
    assert ("stack" in found.why) is (sim == "passed" and stack is None)


def test_what_is_not_built_is_not_built_whatever_is_told() -> None:
    found = state([told(("an-item", "sim", "passed"), ("an-item", "stack", "passed"))], item(built_by="judge"))
    assert (found.status, found.why) == (Status.NOT_BUILT, "comes with: judge")


def test_the_last_word_of_a_world_counts_and_other_worlds_keep_theirs() -> None:
    first = told(("an-item", "sim", "failed"), ("an-item", "stack", "passed"))
    found = state([first, told(("an-item", "sim", "passed"))])
    assert (found.status, found.where) == (Status.PASSED, {"sim": "passed", "stack": "passed"})
    assert state([told(("an-item", "sim", "passed")), first]).status is Status.FAILED


def test_an_item_of_which_one_scenario_was_left_out_is_partly_run(evidence: Any, scenario: Any) -> None:
    scenarios = [
        CataloguedScenario(file=Path("f"), line=1, feature="Drill", name=name, ids=("an-item",), steps=())
        for name in ("one", "two")
    ]
    ran = evidence(scenarios=(scenario(name="one", ids=("an-item",)),))
    found = item_states([item(worlds=("sim",))], [ran], scenarios=scenarios)[0]
    assert found.status is Status.PARTLY
    assert "two" in " ".join(found.seen)
    both = evidence(scenarios=tuple(scenario(name=name, ids=("an-item",)) for name in ("one", "two")))
    assert item_states([item(worlds=("sim",))], [both], scenarios=scenarios)[0].status is Status.PASSED


def test_why_a_scenario_failed_stands_at_its_items(evidence: Any, scenario: Any) -> None:
    ran = evidence(scenarios=(scenario("failed", ids=("an-item",)),))
    assert state([ran]).seen == ("sim: gauge is 0", "sim: gauge 1 <b>")


STATUSES = st.sampled_from([*Status])


@given(st.lists(STATUSES, min_size=1, max_size=6), st.lists(st.sampled_from([*Verdict]), max_size=3))
def test_a_stage_is_a_go_only_if_every_item_passed_and_nobody_objects(
    statuses: list[Status], verdicts: list[Verdict]
) -> None:
    items = [
        ItemState(id=f"i{number}", stage="s", says="", status=status, why="w") for number, status in enumerate(statuses)
    ]
    findings = [Finding(stage="s", verdict=one, why=(f"because {one}",), by="load") for one in verdicts]
    (found,) = stage_verdicts(items, findings)
    if Status.FAILED in statuses or Verdict.NO_GO in verdicts:
        assert found.verdict is Verdict.NO_GO
    elif set(statuses) == {Status.PASSED} and Verdict.INCONCLUSIVE not in verdicts:
        assert found.verdict is Verdict.GO
    else:
        assert found.verdict is Verdict.INCONCLUSIVE
    for number, status in enumerate(statuses):
        if status is not Status.PASSED:
            assert any(f"i{number}" in why for why in found.why), "it says which"


@pytest.mark.parametrize("verdict", [*Verdict])
def test_a_stage_that_the_checklist_does_not_have_is_what_was_found_of_it_and_changes_no_other(
    verdict: Verdict,
) -> None:
    items = [ItemState(id="i", stage="s", says="", status=Status.PASSED)]
    finding = Finding(stage="simulation", verdict=verdict, why=("500 seeds",), by="simulate")
    found, other = stage_verdicts(items, [finding])
    assert (found.stage, found.verdict, found.why) == ("s", Verdict.GO, ("all 1 items passed",))
    assert (other.stage, other.verdict, other.why) == ("simulation", verdict, ("simulate: 500 seeds",))


def test_what_a_program_found_good_is_told_of_a_stage_that_is_no_go_otherwise() -> None:
    good = Finding(stage="s", verdict=Verdict.GO, why=("p95 +12 ms", "0 downgrades"), by="load")
    (stage,) = stage_verdicts([ItemState(id="i", stage="s", says="", status=Status.NOT_RUN)], [good])
    assert (stage.verdict, stage.why) == (Verdict.INCONCLUSIVE, ("not run: i",))
    assert found_good(stage, [good]) == ["load: go: p95 +12 ms; 0 downgrades"]
    (whole,) = stage_verdicts([ItemState(id="i", stage="s", says="", status=Status.PASSED)], [good])
    assert found_good(whole, [good]) == []
    assert "load: p95 +12 ms" in whole.why


@pytest.mark.parametrize("verdict", [Verdict.NO_GO, Verdict.INCONCLUSIVE])
def test_a_programs_doubt_stands_beside_items_that_all_passed(verdict: Verdict) -> None:
    items = [ItemState(id="i", stage="s", says="", status=Status.PASSED)]
    (found,) = stage_verdicts(items, [Finding(stage="s", verdict=verdict, why=("too few samples",), by="load")])
    assert (found.verdict, found.why) == (verdict, ("load: too few samples",))
