"""The scenarios of the feature files, read without running anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_bdd.feature import get_features

from zepguard.drills.places import features_folder

__all__ = ["CataloguedScenario", "catalogue", "scenario_ids"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CataloguedScenario:
    """A scenario: where it stands, its checklist ids, and its steps as written."""

    file: Path
    feature: str
    name: str
    ids: tuple[str, ...]
    steps: tuple[str, ...]


def catalogue() -> Iterator[CataloguedScenario]:
    """Every scenario, file by file."""
    for feature in get_features([str(features_folder())]):
        for scenario in feature.scenarios.values():
            yield CataloguedScenario(
                file=Path(feature.filename),
                feature=feature.name or "",
                name=scenario.name,
                ids=tuple(sorted(scenario.tags | feature.tags)),
                steps=tuple(step.name for step in scenario.steps),
            )


def scenario_ids() -> list[tuple[str, ...]]:
    """The checklist ids of each scenario."""
    return [one.ids for one in catalogue()]
