"""A real Prometheus of our own: it reads what was made into blocks, scrapes, and does not outlive us."""

from __future__ import annotations

import math
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from zepguard.parts.prometheus import PROMETHEUS, PROMTOOL, Tool
from zepguard.prometheus.answers import QueryRefused
from zepguard.prometheus.blocks import BlocksNotMade, make_blocks
from zepguard.prometheus.budgets import read_budgets
from zepguard.prometheus.places import prometheus_folder
from zepguard.prometheus.server import Prometheus
from zepguard.prometheus.verdict import Verdict, judge
from zepguard.stack.processes import identify

pytestmark = pytest.mark.stack

BEGAN = 1_760_000_400  # a whole hour, weeks ago
HOURS = 20 * 24


@pytest.fixture(autouse=True)
def _tools(tool: Callable[[Tool], Path]) -> None:
    tool(PROMETHEUS)
    tool(PROMTOOL)


def openmetrics(path: Path) -> Path:
    """Twenty days, a sample an hour: longer than Prometheus keeps by default."""
    lines = ["# TYPE memory_zep_write_requests counter"]
    lines += [f"memory_zep_write_requests_total {hour * 100} {BEGAN + hour * 3600}" for hour in range(HOURS)]
    lines += ["# TYPE memory_zep_write_failures counter"]
    lines += [f"memory_zep_write_failures_total {hour * 2} {BEGAN + hour * 3600}" for hour in range(HOURS)]
    path.write_text("\n".join([*lines, "# EOF", ""]), encoding="utf-8")
    return path


def test_weeks_of_samples_are_loaded_kept_and_judged(tmp_path: Path) -> None:
    make_blocks(openmetrics(tmp_path / "text"), tmp_path / "p" / "data", block_s=30 * 24 * 3600)
    budget = next(one for one in read_budgets() if one.item == "soak-writes")
    asked = budget.expression.promql("3h")
    with Prometheus.start(tmp_path / "p") as prometheus:
        (first,) = prometheus.ask.instant("memory_zep_write_requests_total", at=BEGAN + 3600)
        assert first.last == 100
        ends = BEGAN + (HOURS - 1) * 3600
        (rates,) = prometheus.ask.range(asked, start=BEGAN + 4 * 3600, end=ends, step_s=3600)
        assert len(rates.values) == HOURS - 4
        found = judge(budget, rates.values)
        assert (found.verdict, round(found.value or 0, 6)) == (Verdict.MISSED, 0.98)
        nothing = prometheus.ask.instant(budget.expression.promql("3h"), at=ends + 30 * 24 * 3600)
        assert judge(budget, [one.last for one in nothing]).verdict is Verdict.INCONCLUSIVE
        assert math.isnan(prometheus.ask.instant("0 / 0")[0].last)
        with pytest.raises(QueryRefused, match="rate"):
            prometheus.ask.instant("rate(")
        pid = prometheus.pid
    assert identify(pid) is None


def test_every_rule_is_evaluated_without_an_error(tmp_path: Path) -> None:
    """Over no series at all, and scaled: a rule that matches many to many says so only when it runs."""
    make_blocks(openmetrics(tmp_path / "text"), tmp_path / "p" / "data", block_s=30 * 24 * 3600)
    rules = [prometheus_folder() / name for name in ("alerts.yml", "rules.yml")]
    with Prometheus.start(tmp_path / "p", rules=rules, interval_s=0.2, time_scale=300) as prometheus:
        gives_up_at = time.monotonic() + 60
        while "unknown" in prometheus.ask.rules_health().values() and time.monotonic() < gives_up_at:
            time.sleep(0.1)
        health = prometheus.ask.rules_health()
        assert set(health.values()) == {"ok"}, health
        assert len(prometheus.ask.instant("memory:budget")) == len(read_budgets())


def test_text_that_promtool_refuses_is_said(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("this is no metric\n# EOF\n", encoding="utf-8")
    with pytest.raises(BlocksNotMade, match="promtool refused"):
        make_blocks(tmp_path / "text", tmp_path / "data")


def test_it_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    """Killed with SIGKILL, so that it can stop nothing itself."""
    script = textwrap.dedent(
        f"""
        import time
        from pathlib import Path
        from zepguard.prometheus.server import Prometheus
        print(Prometheus.start(Path({str(tmp_path)!r})).pid, flush=True)
        time.sleep(60)
        """
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        prometheus = identify(int(parent.stdout.readline()))
        assert prometheus is not None
        parent.kill()
    gives_up_at = time.monotonic() + 20
    while identify(prometheus.pid) == prometheus and time.monotonic() < gives_up_at:
        time.sleep(0.05)
    assert identify(prometheus.pid) != prometheus
