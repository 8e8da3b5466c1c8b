"""The GitHub Actions workflow: it can be read, it gates on the feature files, and it may do no more than it must."""

import configparser
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from zepguard.cli.drill import drill

ROOT = Path(__file__).parents[2]
PYTHONS = ["3.11", "3.12", "3.13"]


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    text = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    loaded = yaml.safe_load(text)
    assert isinstance(loaded, dict)
    return loaded


@pytest.fixture(scope="module")
def jobs(workflow: dict[str, Any]) -> dict[str, Any]:
    found = workflow["jobs"]
    assert isinstance(found, dict)
    return found


def commands(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def test_it_runs_for_each_change(workflow: dict[str, Any]) -> None:
    on = workflow[True]  # YAML 1.1 reads the key ``on`` as a boolean; GitHub does not mind
    assert "pull_request" in on
    assert on["push"]["branches"] == ["main"]


def test_it_may_read_and_nothing_else(workflow: dict[str, Any], jobs: dict[str, Any]) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    assert not [name for name, job in jobs.items() if "permissions" in job]


def test_one_run_a_branch(workflow: dict[str, Any]) -> None:
    assert "github.ref" in workflow["concurrency"]["group"]


def test_the_tests_run_on_each_python_and_on_postgresql(jobs: dict[str, Any]) -> None:
    assert jobs["tests"]["strategy"]["matrix"]["python"] == PYTHONS
    assert "postgres" in jobs["tests"]["services"]
    assert jobs["tests"]["env"]["TEST_DATABASE_URL"].startswith("postgres://")


def test_the_drills_run_in_every_world_that_ci_can_have(jobs: dict[str, Any]) -> None:
    (world,) = [option for option in drill.params if option.name in ("name", "world")]
    assert {"sim", "stack"} <= set(world.type.choices)  # type: ignore[attr-defined]
    assert jobs["drills"]["strategy"]["matrix"]["world"] == ["sim", "stack"]
    assert "tox run -e drills -- --world ${{ matrix.world }}" in commands(jobs["drills"])


@pytest.mark.parametrize("job", ["tests", "drills"])
def test_reports_are_kept_whatever_came_of_the_run(jobs: dict[str, Any], job: str) -> None:
    (upload,) = [s for s in jobs[job]["steps"] if s.get("uses", "").startswith("actions/upload-artifact@")]
    assert upload["if"] == "always()"
    assert upload["with"]["path"] == "reports/"


def test_every_job_ends_by_itself(jobs: dict[str, Any]) -> None:
    assert all(job["timeout-minutes"] <= 40 for job in jobs.values())


def test_every_tox_environment_that_is_called_exists(jobs: dict[str, Any]) -> None:
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    there = {section.removeprefix("testenv:").split("{")[0] for section in tox.sections()}
    ci_run = (ROOT / ".ci/run").read_text(encoding="utf-8")
    called = "\n".join([*(line for job in jobs.values() for line in commands(job)), ci_run])
    named = {one for names in re.findall(r"run -e ([a-z,]+)", called) for one in names.split(",")}
    assert {"lint", "drills", "base", "wheel", "foreign"} <= named
    assert named <= there


def test_the_gate_on_one_machine_has_the_same_stages() -> None:
    ci_run = (ROOT / ".ci/run").read_text(encoding="utf-8")
    stages = set(re.findall(r"^stage (\w+) ", ci_run, re.M))
    assert {"lint", "tests", "sim", "drills", "wheel", "foreign"} <= stages
