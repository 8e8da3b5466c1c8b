"""The scenarios of the feature files, read without running anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_bdd.feature import get_features

from zepguard.drills.places import features_folder

__all__ = ["LONG", "ONLY", "CataloguedScenario", "CataloguedStep", "catalogue"]

LONG = "long"
"""The tag of a scenario that takes a minute or more: left out of a quick run."""

ONLY = {"sim-only": ("sim",), "stack-only": ("stack",), "not-staging": ("sim", "stack")}
"""The tags of a scenario that some worlds alone can run: its times do not stand scaling, it needs real processes, or it
reaches into what a deployed environment does not open."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CataloguedStep:
    """A step: ``given``, ``when`` or ``then`` (``And`` takes the one before), and its text."""

    keyword: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CataloguedScenario:
    """A scenario: where it stands, its checklist ids, its steps as written, and its tags that name the only worlds.

    ``only`` has the worlds of each such tag; it runs in those that all of them name.
    A quick run leaves ``long`` ones out.
    """

    file: Path
    line: int
    feature: str
    name: str
    ids: tuple[str, ...]
    steps: tuple[CataloguedStep, ...]
    only: tuple[tuple[str, ...], ...] = ()
    long: bool = False


def catalogue() -> Iterator[CataloguedScenario]:
    """Every scenario, file by file."""
    for feature in get_features([str(features_folder())]):
        for scenario in feature.scenarios.values():
            yield CataloguedScenario(
                file=Path(feature.filename),
                line=scenario.line_number,
                feature=feature.name or "",
                name=scenario.name,
                ids=tuple(sorted((scenario.tags | feature.tags) - {LONG, *ONLY})),
                steps=tuple(CataloguedStep(keyword=str(step.type), text=step.name) for step in scenario.steps),
                only=tuple(worlds for tag, worlds in ONLY.items() if tag in scenario.tags | feature.tags),
                long=LONG in scenario.tags | feature.tags,
            )
