"""What the matrix concludes; and one real defect, one that only crashes and one that is stale, in real copies."""

from __future__ import annotations

import difflib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zepguard.cli import run
from zepguard.defects.matrix import Matrix, Tried
from zepguard.defects.order import Learnt
from zepguard.defects.watch import Outcome
from zepguard.evidence import read
from zepguard.exit_codes import ExitCode

ROOT = Path(__file__).resolve().parents[2]
TREND = "guard/core/trend.py"


def patch(old: str, new: str) -> str:
    """A patch of one file; ``old`` need not stand there."""
    before = old + (ROOT / TREND).read_text(encoding="utf-8").partition("\n")[2][:400]
    after = before.replace(old, new, 1)
    lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), f"a/{TREND}", f"b/{TREND}")
    return "".join(lines)


def tried(status: str, name: str = "one", gates: tuple[tuple[str, str], ...] = ()) -> Tried:
    outcomes = tuple(Outcome(gate=gate, status=what, problem="", took_s=1.0) for gate, what in gates)
    return Tried(name=name, breaks="", item="", part="guard", status=status, problem="", outcomes=outcomes, took_s=1.0)


def matrix(*rows: Tried, clean: Tried | None = None, interrupted: bool = False) -> Matrix:
    return Matrix(tried=rows, clean=clean, took_s=1.0, cpu_s=1.0, interrupted=interrupted, whole=False, all_gates=True)


CLEAN = tried("passed", "", (("a", "passed"), ("b", "passed")))


def test_all_caught_is_go_and_one_that_escaped_is_no_go() -> None:
    caught = tried("caught", gates=(("a", "red"),))
    assert matrix(caught, clean=CLEAN).exit_code is ExitCode.GO
    assert matrix(caught, tried("escaped"), clean=CLEAN).exit_code is ExitCode.NO_GO


@given(st.sampled_from(["stale", "broke", "void"]), st.integers(0, 3))
def test_what_could_not_be_found_out_is_never_caught(status: str, others: int) -> None:
    rows = [tried("caught")] * others
    assert matrix(*rows, tried(status), clean=CLEAN).exit_code is ExitCode.INCONCLUSIVE
    assert matrix(*rows, tried(status), tried("escaped"), clean=CLEAN).exit_code is ExitCode.NO_GO


def test_a_gate_that_is_red_on_the_clean_tree_proves_nothing() -> None:
    dirty = tried("failed", "", (("a", "red"), ("b", "passed")))
    found = matrix(tried("caught", gates=(("a", "red"),)), clean=dirty)
    assert found.exit_code is ExitCode.INCONCLUSIVE
    assert [one.gate for one in found.false_alarms] == ["a"]
    assert matrix(tried("caught"), clean=tried("failed", "")).exit_code is ExitCode.INCONCLUSIVE
    assert matrix(tried("caught")).exit_code is ExitCode.INCONCLUSIVE


def test_nothing_tried_is_inconclusive_and_a_stopped_run_aborted() -> None:
    assert matrix(clean=CLEAN).exit_code is ExitCode.INCONCLUSIVE
    assert matrix(tried("caught"), clean=CLEAN, interrupted=True).exit_code is ExitCode.ABORTED


def test_a_gate_that_caught_nothing_is_shown() -> None:
    assert matrix(tried("caught", gates=(("a", "red"),)), clean=CLEAN).idle == ("b",)


def test_the_next_run_knows_who_caught_what() -> None:
    before = Learnt(caught={"one": ["old"], "gone": ["old", "b"]}, seconds={"old": 1.0})
    after = matrix(tried("caught", gates=(("b", "passed"), ("a", "red"))), clean=CLEAN).learnt(before)
    assert after.caught == {"one": ["a"], "gone": ["b"]}
    assert set(after.seconds) == {"a", "b"}


@pytest.mark.stack
def test_a_defect_is_caught_one_that_only_crashes_is_not_and_a_stale_one_is_told(tmp_path: Path) -> None:
    first = (ROOT / TREND).read_text(encoding="utf-8").partition("\n")[0] + "\n"
    crash = patch(first, f"this is no Python\n{first}")
    for name, text in (("crash", crash), ("stale", patch("another line\n", "one more\n"))):
        (tmp_path / f"{name}.patch").write_text(text, encoding="utf-8")
    file, report = tmp_path / "matrix.json", tmp_path / "report"
    words = ["gauge-of-the-base-mode", str(tmp_path / "crash.patch"), str(tmp_path / "stale.patch")]
    assert run(["defects", *words, "--json", str(file), "--report", str(report)]) == ExitCode.INCONCLUSIVE
    assert {one.name: one.status for one in read(report).scenarios if "Defects" in one.feature} == {
        "gauge-of-the-base-mode": "passed",
        "crash": "void",
        "stale": "void",
    }
    told = {one["name"]: one for one in json.loads(file.read_text(encoding="utf-8"))["defects"]}
    assert {name: one["status"] for name, one in told.items()} == {
        "gauge-of-the-base-mode": "caught",
        "crash": "broke",
        "stale": "stale",
    }
    assert "SyntaxError" in told["crash"]["problem"]
    assert told["gauge-of-the-base-mode"]["outcomes"][-1]["gate"].startswith("@drill4-gauge")
    assert "no longer applies" in told["stale"]["problem"]


@pytest.mark.stack
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    began = subprocess.Popen(
        [sys.executable, "-m", "zepguard", "defects", "abandoned-claim-is-lost", "--report", str(tmp_path / "report")],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    gives_up_at = time.monotonic() + 120
    while not list(tmp_path.glob("zepguard-defects-*/*/scenarios.plan")):
        assert time.monotonic() < gives_up_at, "no child was started"
        assert began.poll() is None, "it ended by itself"
        time.sleep(0.05)
    began.send_signal(signal.SIGINT)
    said, _ = began.communicate(timeout=120)
    assert began.returncode == ExitCode.ABORTED, said
    assert not list(tmp_path.glob("zepguard-defects-*"))
    assert read(tmp_path / "report").run.interrupted


def test_an_unknown_name_is_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["defects", "nonsense"]) == ExitCode.USAGE
    assert "no defect is called 'nonsense'" in capsys.readouterr().err
