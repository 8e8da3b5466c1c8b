"""Run the drills in a world and write down what came of it."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from zepguard.drills import steps
from zepguard.drills.outcome import ScenarioOutcome
from zepguard.drills.plugin import DrillPlugin
from zepguard.worlds.world import World

__all__ = ["DrillRun", "run_drills"]

_BOUND = Path(__file__).with_name("bound.py")  # only pytest may import it: it binds the scenarios


@dataclass(frozen=True, kw_only=True, slots=True)
class DrillRun:
    """All outcomes, whether somebody stopped it, and pytest's own output if something broke."""

    outcomes: tuple[ScenarioOutcome, ...]
    interrupted: bool
    output: str


def run_drills(
    world: World,
    selectors: tuple[str, ...],
    *,
    tell: Callable[[ScenarioOutcome], None],
    quick: bool = False,
) -> DrillRun:
    """Run the selected scenarios, one after the other.

    Args:
        world: where they run.
        selectors: see ``zepguard.drills.select``; all if empty.
        tell: called with each outcome.
        quick: leave scenarios with the tag ``long`` out.
    """
    # Asking a deployed environment after each step is a command each time: it would stretch gaps that drills measure,
    # and it may have no log to ask for. A history is for comparing our own worlds.
    plugin = DrillPlugin(world, selectors, tell, keep_history=world.name != "staging", long=not quick)
    arguments = [
        str(_BOUND),
        f"--rootdir={_BOUND.parent}",
        *("-p", "no:cacheprovider"),
        *("-p", "no:randomly"),
        *("-p", "no:xdist"),
        *("-c", os.devnull),
        "-q",
        "--import-mode=importlib",
    ]
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        code = pytest.main(arguments, plugins=[plugin, steps])
    return DrillRun(
        outcomes=tuple(plugin.outcomes),
        interrupted=code is pytest.ExitCode.INTERRUPTED,
        output=output.getvalue(),
    )
