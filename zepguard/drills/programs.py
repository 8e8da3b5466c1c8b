"""The programs that some steps ask, made ready before any drill begins.

Amid a drill nobody would be told of a build that takes minutes, and in world sim the clocks stand still.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from zepguard.drills.catalogue import CataloguedScenario, catalogue
from zepguard.drills.select import matches
from zepguard.drills.where import runs_in
from zepguard.parts import PartError
from zepguard.parts.commands import Progress
from zepguard.parts.prometheus import ALERTMANAGER, AMTOOL, PROMETHEUS, PROMTOOL, Tool, obtain_tool

__all__ = ["make_ready", "programs_of"]

_ASKED: tuple[tuple[re.Pattern[str], tuple[Tool, ...]], ...] = (
    (re.compile(r"zepguard soak \w+ has run|the dashboard shows:"), (PROMETHEUS, PROMTOOL)),
    (re.compile(r"these alerts fire|rules and expressions give"), (PROMTOOL,)),
    (re.compile(r"Alertmanager pages:"), (AMTOOL,)),
    (re.compile(r"Prometheus and Alertmanager watch"), (PROMETHEUS, ALERTMANAGER)),
)


def programs_of(scenarios: Iterable[CataloguedScenario]) -> tuple[Tool, ...]:
    """What the steps of these scenarios ask, each once, in the order in which it is first asked. Pure."""
    texts = [step.text for scenario in scenarios for step in scenario.steps]
    return tuple(
        dict.fromkeys(tool for text in texts for asked, tools in _ASKED if asked.search(text) for tool in tools)
    )


def make_ready(world: str, selectors: Sequence[str] = (), *, quick: bool = False, tell: Progress) -> None:
    """Find each program that the drills of a world ask, or build it; the scenarios of one that cannot be had are void.

    Args:
        world: its name.
        selectors: see ``zepguard.drills.select``; all drills if empty.
        quick: without the scenarios that take a minute or more.
        tell: given a line when a build begins, each ten seconds of it, and where a program cannot be had.
    """
    for tool in programs_of(one for one in catalogue() if _meant(one, world, selectors, quick=quick)):
        try:
            obtain_tool(tool, on_progress=tell)
        except PartError as error:
            tell(f"{error} Scenarios that ask it will be void.")


def _meant(scenario: CataloguedScenario, world: str, selectors: Sequence[str], *, quick: bool) -> bool:
    if quick and scenario.long:
        return False
    selected = not selectors or any(matches(one, scenario.ids) for one in selectors)
    return selected and runs_in(world, scenario.ids, only=scenario.only)
