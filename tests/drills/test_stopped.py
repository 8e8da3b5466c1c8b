"""Drills that somebody stops, and what is told of a step that only says that something does not hold."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

WITHIN_S = 300

STOPPED = """
import sys
from zepguard.cli import run
from zepguard.worlds.sim import SimWorld

def say(self, *arguments, **options):
    raise KeyboardInterrupt

# As some places of Python's own are: a traceback that knows no line, which pytest cannot print.
say.__code__ = say.__code__.replace(co_linetable=b"")
SimWorld.say = say
sys.exit(run(sys.argv[1:]))
"""

WRONG = """
import sys
from zepguard.cli import run
from zepguard.drills import steps
from zepguard.worlds.sim import SimWorld

status = SimWorld.status
SimWorld.status = lambda self: {**status(self), "base": "off"}
sys.exit(run(sys.argv[1:]))
"""


def drilled(program: str, drill: str, report: Path) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    arguments = ["drill", "--world", "sim", drill, "--report", str(report)]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False, timeout=WITHIN_S
    )
    return done, json.loads((report / "evidence.json").read_text(encoding="utf-8"))


def test_ctrl_c_amid_a_step_ends_with_4_and_leaves_the_evidence_so_far(tmp_path: Path) -> None:
    done, evidence = drilled(STOPPED, "drill4-gauge", tmp_path)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert evidence["run"]["interrupted"]
    assert [(one["status"], one["problem"]) for one in evidence["scenarios"]] == [("void", "stopped before its end")]


def test_a_step_that_only_does_not_hold_says_what_it_looked_at(tmp_path: Path) -> None:
    done, evidence = drilled(WRONG, "drill4-gauge", tmp_path)
    assert done.returncode == 1, done.stderr
    told = {one["problem"] for one in evidence["scenarios"]}
    (problem,) = {one for one in told if one.startswith("AssertionError")}
    assert problem.startswith('AssertionError at: assert world.status()["base"] == mode; ')
    assert problem.endswith(", mode = 'read_write'")
