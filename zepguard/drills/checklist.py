"""The go-live checklist as data: each item, the scenarios that verify it, and what came of them last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from zepguard.drills.catalogue import CataloguedScenario
from zepguard.drills.places import features_folder

__all__ = ["Item", "ItemState", "checklist", "last_results", "states"]

NOT_BUILT = "not built"
NOT_RUN = "not run"
PARTLY = "partly"  # passed, but not yet in each world in which it must hold


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One item. ``worlds`` is where it must hold; ``built_by`` names the later capability that brings it."""

    id: str
    stage: str
    says: str
    worlds: tuple[str, ...] = ()
    kind: str = "behaviour"
    verified_by: str = ""
    built_by: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemState:
    """An item, its scenarios by name, and the last result in each world, or why there is none."""

    item: Item
    scenarios: tuple[str, ...]
    results: Mapping[str, str]

    @property
    def status(self) -> str:
        """One word: the worst last result; ``not run`` and ``not built`` are never passed."""
        if self.item.verified_by:
            return "by test"
        if not self.scenarios:
            return NOT_BUILT
        found = set(self.results.values())
        worst = [status for status in ("failed", "void", "passed") if status in found]
        if not worst:
            return NOT_RUN
        everywhere = set(self.item.worlds) <= set(self.results)
        return PARTLY if worst[0] == "passed" and not everywhere else worst[0]


@cache
def checklist() -> tuple[Item, ...]:
    """Every item, in the checklist's order.

    Raises:
        ValueError: naming the entry that is none.
    """
    path = features_folder() / "checklist.yaml"
    told = yaml.safe_load(path.read_text(encoding="utf-8"))
    return tuple(_item(entry, path) for entry in told["items"])


def _item(entry: Mapping[str, Any], path: Path) -> Item:
    try:
        return Item(**{**entry, "worlds": tuple(entry.get("worlds", ()))})
    except TypeError as error:
        raise ValueError(f"{path}: {dict(entry)} is no item of the checklist ({error})") from None


def last_results(folder: Path) -> dict[tuple[str, str], str]:
    """The newest status of each (id, world) in the ``results.json`` files below ``folder``.

    Raises:
        ValueError: naming a file that is none.
    """
    found: dict[tuple[str, str], tuple[str, str]] = {}
    from zepguard.drills.report import read_results  # it needs this list

    for path in folder.rglob("results.json"):
        told = read_results(path)
        for one, status in _statuses(told).items():
            key = (one, told["world"])
            if told["finished"] >= found.get(key, ("", ""))[0]:
                found[key] = (told["finished"], status)
    return {key: status for key, (_, status) in found.items()}


def _statuses(told: Mapping[str, Any]) -> dict[str, str]:
    """The worst status of each id in one run."""
    order = ("passed", "void", "failed")
    statuses: dict[str, str] = {}
    for drill in told["drills"]:
        for scenario in drill["scenarios"]:
            for one in scenario["ids"]:
                statuses[one] = max(statuses.get(one, "passed"), scenario["status"], key=order.index)
    return statuses


def states(
    items: Iterable[Item], scenarios: Sequence[CataloguedScenario], results: Mapping[tuple[str, str], str]
) -> list[ItemState]:
    """Bring items, scenarios and results together."""
    return [
        ItemState(
            item=item,
            scenarios=tuple(one.name for one in scenarios if item.id in one.ids),
            results={world: status for (one, world), status in results.items() if one == item.id},
        )
        for item in items
    ]
