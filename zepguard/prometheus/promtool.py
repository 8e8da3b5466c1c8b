"""Asks promtool what rules and alerts say of given series: a unit test of rules, made in place and thrown away."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from zepguard.parts.prometheus import PROMTOOL, obtain_tool
from zepguard.prometheus.places import prometheus_folder
from zepguard.prometheus.rules import duration_s

__all__ = ["Firing", "Given", "Sample", "complaint_about_alerts", "complaint_about_samples"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """What Prometheus has scraped: series to values in promtool's notation (``0x10 1x20``), and how often it looked.

    ``every`` is between two values, ``evaluated`` between two evaluations of the rules; PromQL durations.
    """

    series: Mapping[str, str]
    every: str
    evaluated: str = "1m"


@dataclass(frozen=True, kw_only=True, slots=True)
class Firing:
    """An alert that fires: its name, labels and annotations, all of them."""

    alert: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """What an expression gives at a time: each series and its value."""

    at: str
    promql: str
    gives: Mapping[str, float] = field(default_factory=dict)


def complaint_about_alerts(given: Given, fire: Mapping[str, Sequence[Firing]]) -> str:
    """What promtool has to say where other alerts of ``alerts.yml`` fire than these; empty if just these do.

    Promtool leaves a group's own ``interval`` out; here rules are evaluated no more often than that.

    Args:
        given: the series.
        fire: by the time at which one looks (a PromQL duration), all alerts that fire.

    Raises:
        PartMissing: there is no promtool.
    """
    rules = prometheus_folder() / "alerts.yml"
    groups = yaml.safe_load(rules.read_text(encoding="utf-8"))["groups"]
    known = [rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule]
    evaluated = max([given.evaluated, *(group["interval"] for group in groups if "interval" in group)], key=duration_s)
    asked = [_alert_asked(at, name, firing) for at, firing in fire.items() for name in known]
    unknown = {one.alert for firing in fire.values() for one in firing} - set(known)
    if unknown:
        return f"{rules.name} has no {', '.join(sorted(unknown))}"
    return _complaint([rules], replace(given, evaluated=evaluated), {"alert_rule_test": asked})


def complaint_about_samples(given: Given, samples: Sequence[Sample]) -> str:
    """What promtool has to say where ``rules.yml`` or an expression gives something else; empty if just this.

    Raises:
        PartMissing: there is no promtool.
    """
    asked = [
        {
            "expr": one.promql,
            "eval_time": one.at,
            "exp_samples": [{"labels": series, "value": value} for series, value in one.gives.items()],
        }
        for one in samples
    ]
    return _complaint([prometheus_folder() / "rules.yml"], given, {"promql_expr_test": asked})


def _alert_asked(at: str, name: str, firing: Sequence[Firing]) -> dict[str, Any]:
    of_that_name = (one for one in firing if one.alert == name)
    expected = [{"exp_labels": dict(one.labels), "exp_annotations": dict(one.annotations)} for one in of_that_name]
    return {"eval_time": at, "alertname": name, "exp_alerts": expected}


def _complaint(rules: Sequence[Path], given: Given, asked: Mapping[str, Any]) -> str:
    promtool = obtain_tool(PROMTOOL).path
    series = [{"series": name, "values": values} for name, values in given.series.items()]
    test = {
        "rule_files": [str(one) for one in rules],
        "evaluation_interval": given.evaluated,
        "tests": [{"interval": given.every, "input_series": series, **asked}],
    }
    with tempfile.TemporaryDirectory(prefix="zepguard-promtool-") as folder:
        file = Path(folder) / "test.yml"
        file.write_text(yaml.safe_dump(test, sort_keys=False, width=10_000), encoding="utf-8")
        # No time limit: in world sim the clock that would count it stands still.
        done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else (done.stdout + done.stderr).strip()
