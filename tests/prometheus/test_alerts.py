"""The alerts: the checklist's three as it names them, what promtool's own tests say of all, and where pages go."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from zepguard.parts.prometheus import AMTOOL, PROMTOOL, Tool
from zepguard.prometheus.expressions import METRIC
from zepguard.prometheus.places import prometheus_folder

HERE = Path(__file__).parent / "promtool"
ALERTS = prometheus_folder() / "alerts.yml"
CHECKLIST = {
    "MemoryAutoDowngrade": ("warning", "1m"),
    "MemoryStuckInDowngrade": ("critical", "15m"),
    "MemoryReadFailuresSpike": ("warning", "5m"),
}

SLOW = ("two_days", "15s")


def alerts() -> dict[str, dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


@pytest.mark.parametrize("name", CHECKLIST)
def test_the_checklists_alerts_have_its_severity_duration_and_team(name: str) -> None:
    alert = alerts()[name]
    assert (alert["labels"]["severity"], alert["for"]) == CHECKLIST[name]
    assert alert["labels"]["team"] == "backend"


def test_each_alert_is_tested_to_fire_and_to_be_silent() -> None:
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in HERE.glob("*.yml")]
    asserted = [one for file in files for test in file["tests"] for one in test["alert_rule_test"]]
    for name in alerts():
        told = [bool(one.get("exp_alerts")) for one in asserted if one["alertname"] == name]
        assert {True, False} <= set(told), name


def test_every_alert_waits_has_a_severity_and_says_what_to_do() -> None:
    for name, alert in alerts().items():
        assert alert["for"], name
        assert alert["labels"]["severity"] in ("warning", "critical"), name
        # No more than the checklist's two: a promtool test compares all annotations.
        assert set(alert["annotations"]) == {"summary", "description"}, name


@pytest.mark.parametrize(
    ("file", "every"),
    [(path, every) for path in sorted(HERE.glob("*.yml")) for every in ("15s", "1m") if (path.stem, every) != SLOW],
    ids=lambda value: getattr(value, "stem", value),
)
def test_promtools_tests_pass_however_often_rules_are_evaluated(
    tool: Callable[[Tool], Path], tmp_path: Path, file: Path, every: str
) -> None:
    text = file.read_text(encoding="utf-8").replace("../../../prometheus/alerts.yml", str(ALERTS))
    copy = tmp_path / file.name
    copy.write_text(text.replace("evaluation_interval: 15s", f"evaluation_interval: {every}"), encoding="utf-8")
    done = run(tool(PROMTOOL), "test", "rules", copy)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", ["alerts.yml", "rules.yml"])
def test_promtool_takes_the_rules(tool: Callable[[Tool], Path], file: str) -> None:
    done = run(tool(PROMTOOL), "check", "rules", prometheus_folder() / file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_threshold_that_alert_and_budget_share_is_one_number() -> None:
    from zepguard.prometheus.budgets import read_budgets

    budget = next(one for one in read_budgets() if one.item == "downgrade-failures")
    expr = alerts()["MemoryReadFailureRatio"]["expr"]
    compared = re.search(r"> ([0-9.]+)", expr)
    assert compared
    assert float(compared[1]) == budget.limit
    assert set(re.findall(r"\[(\w+)\]", expr)) == {budget.window}
    assert {found[1] for found in METRIC.finditer(budget.promql())} == {found[1] for found in METRIC.finditer(expr)}


def test_amtool_takes_the_routes(tool: Callable[[Tool], Path]) -> None:
    done = run(tool(AMTOOL), "check-config", prometheus_folder() / "alertmanager.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (("team=backend", "severity=critical"), "backend-critical"),
        (("team=backend", "severity=warning"), "backend-warning"),
        (("team=nobody", "severity=critical"), "backend-warning"),
    ],
)
def test_pages_go_by_severity_and_team(tool: Callable[[Tool], Path], labels: tuple[str, ...], receiver: str) -> None:
    config = prometheus_folder() / "alertmanager.yml"
    done = run(tool(AMTOOL), "config", "routes", "test", f"--config.file={config}", *labels)
    assert done.stdout.strip() == receiver


@pytest.mark.parametrize("name", alerts())
def test_each_alert_pages_where_its_severity_belongs(tool: Callable[[Tool], Path], name: str) -> None:
    config = prometheus_folder() / "alertmanager.yml"
    labels = [f"{label}={value}" for label, value in (alerts()[name]["labels"] | {"alertname": name}).items()]
    done = run(tool(AMTOOL), "config", "routes", "test", f"--config.file={config}", *labels)
    assert done.stdout.strip() == f"backend-{alerts()[name]['labels']['severity']}"


def test_no_key_stands_in_the_routes() -> None:
    receivers = yaml.safe_load((prometheus_folder() / "alertmanager.yml").read_text(encoding="utf-8"))["receivers"]
    for one in (page for receiver in receivers for page in receiver["pagerduty_configs"]):
        assert not {"routing_key", "service_key"} & set(one)
        assert Path(one["routing_key_file"]).is_absolute()
