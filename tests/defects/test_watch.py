"""What counts as seen: an assertion of a gate that ran. A crash, a void world and a skipped check do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from zepguard.defects.watch import Outcome, Watch

GATES = """
import pytest
from zepguard.worlds.world import WorldError

def test_passes(): pass
def test_red(): assert 1 == 2, "one is not two"
def test_not_raised():
    with pytest.raises(ValueError): pass
def test_crashes(): raise AttributeError("no such thing")
def test_imports(): import nonsense_that_is_not_there
def test_void(): raise WorldError("the fault was not seen")
def test_skipped(): pytest.skip("no promtool")
"""


def watched(
    folder: Path, first: tuple[str, ...] = (), *, until_red: bool, leave_out: tuple[str, ...] = ()
) -> list[Outcome]:
    (folder / "test_gates.py").write_text(GATES, encoding="utf-8")
    told: list[Outcome] = []
    watch = Watch(first=first, until_red=until_red, tell=told.append, leave_out=leave_out)
    quietly = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-c", "/dev/null", "--import-mode=importlib")
    pytest.main([str(folder / "test_gates.py"), f"--rootdir={folder}", *quietly], plugins=[watch])
    return told


def name(gate: str) -> str:
    return f"test_gates.py::test_{gate}"


def test_only_an_assertion_is_red(tmp_path: Path) -> None:
    statuses = {one.gate: one.status for one in watched(tmp_path, until_red=False)}
    assert statuses == {
        name("passes"): "passed",
        name("red"): "red",
        name("not_raised"): "red",
        name("crashes"): "broke",
        name("imports"): "broke",
        name("void"): "void",
        name("skipped"): "void",
    }


def test_the_problem_is_told_in_a_line(tmp_path: Path) -> None:
    problems = {one.gate: one.problem for one in watched(tmp_path, until_red=False)}
    assert problems[name("red")].startswith("one is not two")
    assert problems[name("crashes")] == "no such thing"
    assert problems[name("passes")] == ""


def test_it_goes_as_far_as_the_first_red_one_in_the_order_asked_for(tmp_path: Path) -> None:
    first = (name("void"), name("crashes"), name("red"))
    told = watched(tmp_path, first, until_red=True)
    assert [one.gate for one in told] == list(first)


def test_what_is_left_out_is_not_asked(tmp_path: Path) -> None:
    told = watched(tmp_path, until_red=False, leave_out=(name("red"), name("not_raised")))
    assert not [one for one in told if one.status == "red"]
    assert len(told) == 5


def test_a_world_that_was_not_left_as_found_is_void(tmp_path: Path) -> None:
    told: list[Outcome] = []
    watch = Watch(first=(), until_red=True, tell=told.append)

    class World:
        @pytest.hookimpl(hookwrapper=True)
        def pytest_runtest_protocol(self) -> object:
            yield
            watch.note(void="the fault was never seen")

    (tmp_path / "test_one.py").write_text("def test_one(): pass\n", encoding="utf-8")
    quietly = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-c", "/dev/null", "--import-mode=importlib")
    pytest.main([str(tmp_path / "test_one.py"), f"--rootdir={tmp_path}", *quietly], plugins=[World(), watch])
    assert [(one.status, one.problem) for one in told] == [("void", "the fault was never seen")]
