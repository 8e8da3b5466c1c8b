"""The steps about soaks: hours and days of virtual time, each run once a process and judged by a real Prometheus."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from pytest_bdd import parsers

import zepguard
from zepguard.drills.phrases import given, then
from zepguard.exit_codes import ExitCode
from zepguard.soak.scenarios import SCENARIOS
from zepguard.worlds.world import World, WorldError

__all__ = ["soaked"]

_STOPS_WITHIN_S = 30.0
_DECIDED = (ExitCode.GO, ExitCode.NO_GO, ExitCode.INCONCLUSIVE)


@cache
def soaked(scenario: str) -> dict[str, Any]:
    """Run ``zepguard soak`` in a process of its own, once for all scenarios of this one; gives what it printed.

    Raises:
        WorldError: it came to no end of its own, for want of a Prometheus for instance.
    """
    source = str(Path(zepguard.__file__).resolve().parents[1])
    path = os.pathsep.join([source, os.environ.get("PYTHONPATH", "")]).strip(os.pathsep)
    with (
        tempfile.TemporaryDirectory(prefix="zepguard-soaked-") as folder,  # the evidence is the drills' own
        subprocess.Popen(
            [sys.executable, "-m", "zepguard", "soak", scenario, "--json", "--report", folder],
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as running,
    ):
        try:
            out, errors = running.communicate()
        except BaseException:
            running.terminate()
            running.wait(_STOPS_WITHIN_S)
            raise
    if running.returncode not in _DECIDED or not out.startswith("{"):
        raise WorldError(f"void: zepguard soak {scenario} ended with {running.returncode}: {errors[-1000:]}")
    told: dict[str, Any] = json.loads(out)
    return told


@given(parsers.re(r"zepguard soak (?P<scenario>\w+) has run for (?P<hours>\d+) h of virtual time"))
def has_run(world: World, scenario: str, hours: str) -> None:
    """Run ``zepguard soak`` on that scenario, or take what it found in this run of the drills."""
    found = soaked(scenario)
    if found["hours"] != int(hours) or not found["messages"]:
        raise WorldError(f"void: {found['hours']} h and {found['messages']} messages were run, not {hours} h of chats")
    world.saw(f"{found['messages']} messages in {hours} h, {found['undelivered']} undelivered at the end")


@given(parsers.re(r"Zep had (?P<kinds>.+) in zepguard soak (?P<scenario>\w+)"))
def had(world: World, scenario: str, kinds: str) -> None:
    """The incidents by their kinds, in order, as the script has them and the fake's journal shows them."""
    found = soaked(scenario)["incidents"]
    if any(not one["seen"] for one in found):
        raise WorldError(f"void: an incident was never seen to act: {found}")
    assert [one["kind"] for one in found] == kinds.replace(" and ", ", ").split(", ")
    world.saw(f"incidents of Zep in its journal: {kinds}")


@then(parsers.re(r"Prometheus finds (?P<item>[\w-]+) met"))
def is_met(world: World, item: str) -> None:
    """By the checklist's own expression over the HTTP API; without samples the scenario is void."""
    (scenario,) = (one.name for one in SCENARIOS.values() if item in one.items)
    (found,) = (one for one in soaked(scenario)["items"] if one["id"] == item)
    if found["verdict"] == "inconclusive":
        raise WorldError(f"void: {item} is inconclusive: {found['why']}")
    assert found["verdict"] == "met", f"{found['why']} ({found['promql']})"
    world.saw(f"{item}: {found['why']}")
