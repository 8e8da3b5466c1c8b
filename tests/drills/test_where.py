"""A scenario runs in the worlds in which its item must hold, and in no other."""

import pytest

from zepguard.cli import run
from zepguard.drills.catalogue import catalogue
from zepguard.drills.checklist import checklist
from zepguard.drills.where import runs_in


@pytest.mark.parametrize(
    ("world", "ids", "only", "expected"),
    [
        ("sim", ("drill4-gauge",), (), True),
        ("stack", ("drill4-gauge",), (), True),
        ("staging", ("drill4-gauge",), (), True),
        ("sim", ("rollback-code",), (), False),
        ("stack", ("rollback-code",), (), True),
        ("sim", ("downgrade-latency",), (), True),
        ("stack", ("downgrade-latency",), (), False),
        ("staging", ("downgrade-latency",), (), False),
        ("stack", ("drill4-gauge", "downgrade-latency"), (), True),
        ("sim", ("drill4-gauge",), (("sim",),), True),
        ("stack", ("drill4-gauge",), (("sim",),), False),
        ("staging", ("drill4-gauge",), (("sim",),), False),
        ("sim", ("drill4-gauge",), (("stack",),), False),
        ("stack", ("drill4-gauge",), (("stack",),), True),
        ("staging", ("drill4-gauge",), (("stack",),), False),
        ("staging", ("drill4-gauge",), (("sim", "stack"),), False),
        ("stack", ("drill4-gauge",), (("sim", "stack"),), True),
        ("stack", ("drill4-gauge",), (("sim",), ("sim", "stack")), False),
        ("sim", ("drill4-gauge",), (("sim",), ("sim", "stack")), True),
    ],
)
def test_the_checklist_says_where(
    world: str, ids: tuple[str, ...], only: tuple[tuple[str, ...], ...], expected: bool
) -> None:
    assert runs_in(world, ids, only=only) is expected


@pytest.mark.parametrize("world", ["sim", "stack"])
def test_each_item_built_has_a_scenario_in_each_world_in_which_it_must_hold(world: str) -> None:
    """A tag ``sim-only`` takes none away from the stack."""
    there = {
        one for scenario in catalogue() if runs_in(world, scenario.ids, only=scenario.only) for one in scenario.ids
    }
    missing = [
        item.id
        for item in checklist()
        if world in item.worlds and not item.built_by and not item.verified_by and item.id not in there
    ]
    assert not missing


def test_a_drill_that_does_not_run_in_the_world_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["drill", "--world", "sim", "rollback-code"]) == 2
    assert "rollback-code" in capsys.readouterr().err


def test_a_scenario_runs_where_both_its_own_tag_and_its_features_let_it() -> None:
    both = [one for one in catalogue() if len(one.only) > 1]
    assert both
    assert not [one.name for one in both if runs_in("stack", one.ids, only=one.only)]
