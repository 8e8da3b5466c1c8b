"""The files of one drill run say the same of each scenario and each item, whatever came of it and whenever."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from zepguard.evidence import Record, Status, read
from zepguard.evidence.junit import ITEMS_NOT_RUN

ODD = """
import importlib.util, itertools, sys
import guard.zep
spec = importlib.util.find_spec("guard.zep.classify")
source = spec.loader.get_source(spec.name)
module = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = module
exec(compile(source.replace("in (401, 403)", "== 401"), spec.origin, "exec"), module.__dict__)  # some fail

from zepguard.worlds.sim import SimWorld
from zepguard.worlds.world import WorldError
begin, end, number = SimWorld.begin, SimWorld.end, itertools.count()

def odd_begin(self, scenario):
    self.number = next(number)
    begin(self, scenario)
    if self.number % 5 == 3:
        raise WorldError("void: the world did not begin")

def odd_end(self):
    end(self)
    if self.number % 5 == 1 or self.number < 5:  # after all of pytest's phases; of one that failed too
        raise WorldError("void: no receipt of the clean-up")

SimWorld.begin, SimWorld.end = odd_begin, odd_end
from zepguard.cli import main
sys.argv[0] = "zepguard"
sys.exit(main())
"""

Key = tuple[str, str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a run of drill 4 and the operators' commands in which the world and the product are odd by turns."""
    folder = tmp_path_factory.mktemp("run")
    argv = [sys.executable, "-c", ODD, "drill", "4", "ops", "--world", "sim", "--report", str(folder)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, (folder / "evidence.json").exists()) == (1, True), done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def record(folder: Path) -> Record:
    return read(folder)


def junit(folder: Path) -> dict[Key, str]:
    tags = {"failure": "failed", "error": "void", "skipped": "skipped"}
    suites = ElementTree.parse(folder / "junit.xml").getroot()
    return {
        (str(suite.get("name")), str(case.get("name"))): next(
            (tags[child.tag] for child in case if child.tag in tags), "passed"
        )
        for suite in suites
        for case in suite
    }


def cucumber(folder: Path) -> dict[Key, str]:
    features = json.loads((folder / "cucumber.json").read_text(encoding="utf-8"))
    return {(feature["name"], one["name"]): _worst(one["steps"]) for feature in features for one in feature["elements"]}


def _worst(steps: list[dict[str, Any]]) -> str:
    """As Cucumber has it: the worst of its steps; one without a step is nothing that passed."""
    found = {step["result"]["status"] for step in steps}
    named = {"failed": "failed", "pending": "void", "skipped": "skipped", "passed": "passed"}
    return next(named[status] for status in named if status in found)


def test_each_scenario_has_one_outcome_in_all_files(folder: Path, record: Record) -> None:
    told = {(one.feature, one.name): str(one.status) for one in record.scenarios}
    assert len(told) == len(record.scenarios) > 10
    assert set(told.values()) == {"passed", "failed", "void"}
    assert {key: junit(folder)[key] for key in told} == told
    assert {key: cucumber(folder)[key] for key in told} == told


def test_what_goes_wrong_after_pytests_phases_is_void_and_never_hides_a_failure(record: Record) -> None:
    late = [one for one in record.scenarios if "receipt of the clean-up" in one.problem]
    assert late
    assert {one.status for one in late} == {"void"}
    assert all(one.problem.startswith("the world was not left as found: ") for one in late)
    assert all(step.status == "passed" for one in late for step in one.steps)
    failed = [one for one in record.scenarios if one.status == "failed"]
    assert any(number < 5 for number, one in enumerate(record.scenarios) if one in failed), "one of them has both"


def test_each_item_that_nobody_ran_or_built_is_skipped_in_all_files(folder: Path, record: Record) -> None:
    unrun = {one.id: one.status for one in record.items if one.status in (Status.NOT_RUN, Status.NOT_BUILT)}
    assert set(unrun.values()) == {Status.NOT_RUN, Status.NOT_BUILT}
    for told in (junit(folder), cucumber(folder)):
        assert {item: told[ITEMS_NOT_RUN, item] for item in unrun} == dict.fromkeys(unrun, "skipped")
        assert {name for suite, name in told if suite == ITEMS_NOT_RUN} == set(unrun)


def test_what_the_command_counted_is_what_the_files_count(folder: Path, record: Record) -> None:
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    counted = Counter(one["status"] for drill in results["drills"] for one in drill["scenarios"])
    assert counted == record.counts()
    suites = ElementTree.parse(folder / "junit.xml").getroot()
    assert sum(int(one.get("errors", 0)) for one in suites) == counted["void"]
    assert sum(int(one.get("failures", 0)) for one in suites) == counted["failed"]
