"""The scenarios of the feature files, read without running anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_bdd.feature import get_features

from zepguard.drills.places import features_folder

__all__ = ["CataloguedScenario", "CataloguedStep", "catalogue", "scenario_ids"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CataloguedStep:
    """A step: ``given``, ``when`` or ``then`` (``And`` takes the one before), and its text."""

    keyword: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CataloguedScenario:
    """A scenario: where it stands, its checklist ids, and its steps as written."""

    file: Path
    feature: str
    name: str
    ids: tuple[str, ...]
    steps: tuple[CataloguedStep, ...]


def catalogue() -> Iterator[CataloguedScenario]:
    """Every scenario, file by file."""
    for feature in get_features([str(features_folder())]):
        for scenario in feature.scenarios.values():
            yield CataloguedScenario(
                file=Path(feature.filename),
                feature=feature.name or "",
                name=scenario.name,
                ids=tuple(sorted(scenario.tags | feature.tags)),
                steps=tuple(CataloguedStep(keyword=str(step.type), text=step.name) for step in scenario.steps),
            )


def scenario_ids() -> list[tuple[str, ...]]:
    """The checklist ids of each scenario."""
    return [one.ids for one in catalogue()]
