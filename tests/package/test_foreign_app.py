"""Another team's project, against the checkout; ``tox run -e foreign`` runs it against the wheel."""

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2] / "examples/foreign-app"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy, away from our own settings and conftest files."""
    copy = tmp_path / "foreign-app"
    shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def run_pytest(project: Path, *arguments: str) -> tuple[int, ET.Element]:
    """Pytest's exit code and its report."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "ZEP"))}
    path = os.pathsep.join([str(project / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])
    argv = [sys.executable, "-m", "pytest", "-q", "--junitxml=junit.xml", *arguments]
    done = subprocess.run(
        argv,
        cwd=project,
        env={**environment, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    report = project / "junit.xml"
    assert report.exists(), done.stdout + done.stderr
    return done.returncode, ET.parse(report).getroot()


def properties(report: ET.Element) -> list[str]:
    return [one.get("value", "") for one in report.iter("property") if one.get("name") == "seen"]


def test_its_drills_pass_in_its_own_world_and_in_the_sim_with_its_settings(project: Path) -> None:
    code, report = run_pytest(project)
    assert code == 0
    folders = {case.get("classname", "").rpartition(".")[0] for case in report.iter("testcase")}
    assert folders == {"drills.desk", "drills.our_settings"}


def test_what_was_seen_stands_in_the_report(project: Path) -> None:
    _, report = run_pytest(project)
    seen = properties(report)
    assert "the block acted on 3 calls to Zep" in seen
    assert any("remaining=~600s" in one for one in seen)


def test_a_checklist_id_is_a_mark_and_a_tag_of_its_own_is_its_own(project: Path) -> None:
    _, by_id = run_pytest(project, "-m", "checklist")
    assert [case.get("name") for case in by_id.iter("testcase")] == [
        "test_the_third_question_in_a_row_without_an_answer_from_zep_is_the_last_that_waits"
    ]
    _, by_tag = run_pytest(project, "-m", "nightly")
    assert [case.get("name") for case in by_tag.iter("testcase")] == ["test_the_desk_knows_its_people"]


def test_an_app_whose_memory_does_not_come_back_goes_red(project: Path) -> None:
    desk = project / "src/helpdesk/desk.py"
    whole = desk.read_text(encoding="utf-8")
    assert "if context.used else" in whole
    desk.write_text(whole.replace("if context.used else", "if False else"), encoding="utf-8")
    code, report = run_pytest(project, "drills/desk")
    assert code == 1
    assert [case.get("name") for case in report.iter("testcase") if case.find("failure") is not None] == [
        "test_the_desk_knows_its_people",
        "test_once_zep_is_back_and_the_hold_is_over_the_next_question_brings_memory_back",
    ]


def test_a_world_that_was_not_left_as_found_is_an_error_and_no_pass(project: Path) -> None:
    world = project / "drills/desk/desk_world.py"
    whole = world.read_text(encoding="utf-8")
    assert '"""A scenario has ended."""' in whole
    broken = whole.replace('"""A scenario has ended."""', 'raise RuntimeError("left broken")')
    world.write_text(broken, encoding="utf-8")
    code, report = run_pytest(project, "drills/desk")
    assert code == 1
    assert all(case.find("error") is not None for case in report.iter("testcase"))
