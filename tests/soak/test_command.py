"""``zepguard soak`` in a process of its own: its exit codes, and Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from zepguard.parts.prometheus import PROMETHEUS, PROMTOOL, find_tool

pytestmark = pytest.mark.stack

WITHIN_S = 300


@pytest.fixture(autouse=True)
def _tools() -> None:
    for tool in (PROMETHEUS, PROMTOOL):
        if find_tool(tool) is None:
            pytest.skip(f"{tool.name} is not here: {tool.remedy}")


def soak(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "zepguard", "soak", "--hours", "1", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=WITHIN_S)


def test_failing_writes_end_with_1_and_the_report_says_which_item(tmp_path: Path) -> None:
    done = soak("--write-failures", "1.5%", "--report", str(tmp_path))
    assert done.returncode == 1, done.stderr
    assert "NO GO" in done.stdout
    told = json.loads((tmp_path / "soak.json").read_text())
    missed = {one["id"] for one in told["items"] if one["verdict"] == "missed"}
    assert missed == {"soak-writes", "soak-dashboard"}
    assert (tmp_path / "metrics.openmetrics").read_text().endswith("# EOF\n")


def test_no_samples_end_with_3() -> None:
    done = soak("--idle", "--json")
    assert done.returncode == 3, done.stderr
    assert {one["verdict"] for one in json.loads(done.stdout)["items"]} == {"inconclusive"}


def test_ctrl_c_ends_it_with_4_and_leaves_nothing_behind(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "zepguard", "soak", "--hours", "48"]
    with subprocess.Popen(
        argv,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"TMPDIR": str(tmp_path), "PATH": os.environ["PATH"]},
    ) as running:
        assert running.stderr is not None
        running.stderr.readline()  # the first hours are done
        running.send_signal(signal.SIGINT)
        assert running.wait(WITHIN_S) == 4
    assert list(tmp_path.iterdir()) == []
