"""Where two worlds tell one scenario differently, and which of the differences are explained.

``features/drift.toml`` lists the known ones, each with its reason: a pattern for what (``count memory_*``,
``event zep_write_failure*``, ``step ...``). Anything else is drift: one of the worlds is not true to the product.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import zip_longest
from pathlib import Path
from typing import Any

from zepguard.drills.places import features_folder

__all__ = ["Difference", "Known", "compare", "known_differences"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A difference that is explained; ``what`` is a pattern as in a shell."""

    what: str
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One place where the worlds differ; ``why`` is empty if nothing explains it."""

    scenario: str
    what: str
    left: str
    right: str
    why: str


def known_differences(path: Path | None = None) -> tuple[Known, ...]:
    """Read the list.

    Raises:
        ValueError: naming the entry that lacks ``what`` or ``why``.
    """
    source = path or features_folder() / "drift.toml"
    told = tomllib.loads(source.read_text(encoding="utf-8"))
    found = []
    for entry in told.get("known", []):
        if set(entry) != {"what", "why"} or not all(entry.values()):
            raise ValueError(f"{source}: {entry} must have what and why, and no more")
        found.append(Known(**entry))
    return tuple(found)


def compare(left: Mapping[str, Any], right: Mapping[str, Any], known: Sequence[Known]) -> list[Difference]:
    """Compare two ``results.json``; only scenarios that both have run are told."""
    lefts, rights = _histories(left), _histories(right)
    return [
        Difference(scenario=name, what=what, left=one, right=other, why=_why(what, known))
        for name in lefts
        if name in rights
        for what, one, other in _differences(lefts[name], rights[name], known)
    ]


def _histories(results: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {
        f"{scenario['feature']}: {scenario['name']}": scenario["history"]
        for drill in results["drills"]
        for scenario in drill["scenarios"]
        if scenario.get("history")
    }


def _differences(
    left: Mapping[str, Any], right: Mapping[str, Any], known: Sequence[Known]
) -> Iterator[tuple[str, str, str]]:
    for one, other in zip_longest(left["steps"], right["steps"]):
        if one != other:
            step = (one or other)["step"]
            yield f"step {step}", _state(one), _state(other)
    events = [_unexplained(side["events"], known) for side in (left, right)]
    for one, other in zip_longest(*events, fillvalue="nothing"):
        if one != other:
            yield f"event {one if one != 'nothing' else other}", one, other
    for name in sorted({*left["counts"], *right["counts"]}):
        one, other = left["counts"].get(name, 0), right["counts"].get(name, 0)
        if one != other:
            yield f"count {name}", f"{one:g}", f"{other:g}"


def _unexplained(events: Iterable[str], known: Sequence[Known]) -> list[str]:
    """Events that no pattern explains: the order of the others says nothing, they come when deliveries do."""
    return [event for event in events if not _why(f"event {event}", known)]


def _state(step: Mapping[str, Any] | None) -> str:
    if step is None:
        return "no such step"
    forced = f" forced by {step['forced']}" if step["forced"] else ""
    return f"{step['mode']}{forced}, failures {step['failures']}"


def _why(what: str, known: Sequence[Known]) -> str:
    return next((one.why for one in known if fnmatchcase(what, one.what)), "")
