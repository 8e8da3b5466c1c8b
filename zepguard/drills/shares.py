"""How scenarios are dealt out to stacks that run side by side. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from zepguard.drills.catalogue import CataloguedScenario
from zepguard.drills.select import matches

__all__ = ["shares"]

_MESSAGES = re.compile(r"(\d+) messages .* (\d+) s apart")
_PASSES = re.compile(r"(\d+) s pass")
_TAKES = {"is restarted": 7.0, "runs in write_only": 7.0, "within ": 5.0, "blocked": 2.5, "runs zep_mode": 1.7}


def shares(scenarios: Iterable[CataloguedScenario], selectors: tuple[str, ...], parts: int) -> list[tuple[str, ...]]:
    """Deal the selected scenarios out to at most ``parts`` shares of about the same length; none is empty.

    A drill stays together, so that its scenarios run one after the other. Gives the checklist ids of each share.
    """
    lengths: dict[str, float] = {}
    drills: dict[str, set[str]] = {}
    for one in scenarios:
        if not selectors or any(matches(selector, one.ids) for selector in selectors):
            drills.setdefault(_drill(one), set()).update(one.ids)
            lengths[_drill(one)] = lengths.get(_drill(one), 0.0) + sum(_seconds(step.text) for step in one.steps)
    dealt: list[tuple[float, list[str]]] = [(0.0, []) for _ in range(parts)]
    for drill, length in sorted(lengths.items(), key=lambda entry: (-entry[1], entry[0])):
        dealt.sort(key=lambda share: share[0])
        so_far, ids = dealt[0]
        dealt[0] = (so_far + length, [*ids, *sorted(drills[drill])])
    return [tuple(ids) for _, ids in dealt if ids]


def _drill(scenario: CataloguedScenario) -> str:
    """``drill4``: two feature files may verify one item, and an item is selected whole."""
    return min(one.partition("-")[0] for one in scenario.ids)


def _seconds(step: str) -> float:
    """About how long a step takes on a stack at time scale 60; only the balance of the shares depends on it."""
    if messages := _MESSAGES.search(step):
        return int(messages[1]) * (int(messages[2]) + 1.0)
    if passes := _PASSES.fullmatch(step):
        return min(5.0, float(passes[1]))
    return next((seconds for words, seconds in _TAKES.items() if words in step), 0.3)
