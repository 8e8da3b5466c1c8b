"""``zepguard soak`` in a process of its own: its exit codes, and Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from zepguard.evidence import Lane, Verdict, read
from zepguard.evidence.filled_in import fill_in, markdown
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
    record = read(tmp_path)
    assert record.run.command == "zepguard soak soak --hours 1 --write-failures 0.015"
    (found,) = record.findings
    assert (found.stage, found.verdict) == ("staging-write-only", Verdict.NO_GO)
    status = {one.item: one.status for one in record.results}
    assert status == {
        "soak-downgrades": "void",  # met, in an hour of 48
        "soak-writes": "failed",
        "soak-breaker": "void",
        "soak-dashboard": "failed",
    }
    writes = next(one for one in record.budgets if one.item == "soak-writes")
    assert (writes.verdict, writes.limit) == (Verdict.NO_GO, "write_success over 1h > 0.99")
    assert "first wrong: 0.98" in writes.seen
    assert "memory_zep_write_failures_total" in writes.asked
    assert record.settings["FLAG_ZEP_READ"] == "false"
    assert record.settings["ZEP_API_KEY"] == "***"
    (timeline,) = record.timelines
    assert {one.lane for one in timeline.marks} >= {Lane.MODE, Lane.LATENCY, Lane.NOTE}
    health = next(one for one in record.panels if one.title == "Write Health")
    assert 0.97 < (health.series[0].points[-1][1] or 0) < 0.99
    text = markdown(fill_in(tmp_path), reports=tmp_path)
    assert "✗ **soak-writes**" in text
    assert "sim: 1 of 1 values fail \\> 0.99; first wrong: 0.98" in text


def test_no_samples_end_with_3(tmp_path: Path) -> None:
    done = soak("--idle", "--json", "--report", str(tmp_path))
    assert done.returncode == 3, done.stderr
    assert {one["verdict"] for one in json.loads(done.stdout)["items"]} == {"inconclusive"}
    record = read(tmp_path)
    assert record.findings[0].verdict is Verdict.INCONCLUSIVE
    assert {one.status for one in record.results} == {"void"}


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
