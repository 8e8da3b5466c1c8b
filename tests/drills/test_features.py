"""Feature files, steps and checklist belong together: nothing on one side without the other."""

from pathlib import Path

import pytest

import zepguard.drills.steps  # noqa: F401  defines the phrases
from zepguard.drills.catalogue import CataloguedScenario, catalogue
from zepguard.drills.checklist import checklist
from zepguard.drills.phrases import PHRASES, Phrase
from zepguard.drills.places import features_folder

SCENARIOS = list(catalogue())
STEPS = [step for scenario in SCENARIOS for step in scenario.steps]


@pytest.mark.parametrize("phrase", PHRASES, ids=lambda p: f"{p.keyword}-{p.function}")
def test_each_definition_is_used_and_says_what_it_does(phrase: Phrase) -> None:
    assert any(phrase.matches(step.keyword, step.text) for step in STEPS), phrase.wording
    assert phrase.says


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_each_step_has_exactly_one_definition(scenario: CataloguedScenario) -> None:
    for step in scenario.steps:
        found = [p.wording for p in PHRASES if p.matches(step.keyword, step.text)]
        assert len(found) == 1, f"{step.keyword} {step.text}: {found}"


def test_there_are_fewer_than_sixty_definitions() -> None:
    assert len({phrase.function for phrase in PHRASES}) < 60


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_each_scenario_carries_ids_of_the_checklist_and_no_other_tag(scenario: CataloguedScenario) -> None:
    assert scenario.ids
    assert set(scenario.ids) <= {item.id for item in checklist()}


def test_the_checklist_has_each_of_its_67_items_once() -> None:
    ids = [item.id for item in checklist()]
    assert len(ids) == len(set(ids)) == 67


def test_an_item_that_a_later_capability_builds_has_no_scenario_yet() -> None:
    """And each other item has one, or a test of its own, or both: an id that nothing uses is no promise."""
    verified = {one for scenario in SCENARIOS for one in scenario.ids}
    for item in checklist():
        assert (item.id in verified or bool(item.verified_by)) is not bool(item.built_by), item.id


def test_each_feature_file_is_read() -> None:
    assert {scenario.file for scenario in SCENARIOS} == set(Path(features_folder()).rglob("*.feature"))
