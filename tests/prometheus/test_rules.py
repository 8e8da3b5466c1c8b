"""Expressions and budgets stand once; rules made from them are up to date; scaled rules are the same, only faster."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from zepguard.drills.places import features_folder
from zepguard.prometheus.budgets import Budget, read_budgets
from zepguard.prometheus.expressions import RulesError, read_expressions, with_matchers
from zepguard.prometheus.places import prometheus_folder
from zepguard.prometheus.rules import duration_s, faster, recording_rules, scaled_duration
from zepguard.prometheus.verdict import Verdict, judge, worst


def budget(item: str) -> Budget:
    return next(one for one in read_budgets() if one.item == item)


def test_the_recording_rules_are_up_to_date() -> None:
    written = (prometheus_folder() / "rules.yml").read_text(encoding="utf-8")
    assert written == recording_rules(), "run python -m zepguard.prometheus.rules"


def test_each_budget_is_of_an_item_of_the_checklist_and_its_stage() -> None:
    items = yaml.safe_load((features_folder() / "checklist.yaml").read_text(encoding="utf-8"))["items"]
    stages = {one["id"]: one["stage"] for one in items}
    budgets = read_budgets()
    assert len({one.item for one in budgets}) == len(budgets)
    for one in budgets:
        assert stages[one.item] == one.stage


@pytest.mark.parametrize(
    ("item", "just_good", "just_bad", "baseline"),
    [
        ("soak-downgrades", 0, 1, None),
        ("soak-writes", 0.991, 0.99, None),
        ("soak-breaker", 0, 1, None),
        ("canary-read-p95", 0.249, 0.25, None),
        ("canary-ttfb", 0.399, 0.4, 0.3),
        ("canary-errors", 0.0109, 0.0111, 0.01),
        ("canary-cache", 0.301, 0.3, None),
        ("full-downgrades", 0, 1, None),
        ("rollback-ttfb", 0.5, 0.501, 0.3),
        ("rollback-breaker", 0.05, 0.051, None),
        ("rollback-errors", 0.02, 0.021, 0.01),
        ("downgrade-latency", 0.3, 0.301, None),
        ("downgrade-failures", 0.1, 0.101, None),
        ("week1-read-p95", 0.249, 0.25, None),
        ("week1-ttfb", 0.349, 0.35, 0.3),
        ("month1-probes", 0.91, 0.9, None),
        ("month1-cache", 0.41, 0.4, None),
    ],
)
def test_the_checklists_numbers_decide(item: str, just_good: float, just_bad: float, baseline: float | None) -> None:
    """The figures are copied from the checklist here, and stand in budgets.toml; one bad value among good is enough."""
    assert judge(budget(item), [just_good], baseline=baseline).verdict is Verdict.MET
    found = judge(budget(item), [just_good, just_bad, just_good], baseline=baseline)
    assert (found.verdict, found.value) == (Verdict.MISSED, just_bad)


def test_no_samples_are_inconclusive_and_never_met() -> None:
    for one in read_budgets():
        for values in ([], [math.nan], [math.nan, math.nan]):
            assert judge(one, values, baseline=1.0).verdict is Verdict.INCONCLUSIVE
    assert judge(budget("canary-ttfb"), [0.1]).verdict is Verdict.INCONCLUSIVE
    assert judge(budget("canary-ttfb"), [0.1], baseline=math.nan).verdict is Verdict.INCONCLUSIVE


def test_a_stage_is_as_good_as_its_worst() -> None:
    met, missed, unknown = Verdict.MET, Verdict.MISSED, Verdict.INCONCLUSIVE
    assert worst([met, met]) is met
    assert worst([met, unknown]) is unknown
    assert worst([unknown, missed, met]) is missed
    assert worst([]) is unknown


@pytest.mark.parametrize(
    ("key", "value"), [("is", "about"), ("expression", "luck"), ("kind", "wish"), ("over", "x"), ("limit", "much")]
)
def test_a_bad_budget_is_refused_with_its_item_and_key(tmp_path: Path, key: str, value: str) -> None:
    good = {"item": "x", "stage": "y", "expression": "downgrades", "window": "1h", "is": "==", "kind": "criterion"}
    lines = [f"{name} = {text!r}" for name, text in ({"limit": 0} | good | {key: value}).items()]
    path = tmp_path / "budgets.toml"
    path.write_text("[[budget]]\n" + "\n".join(lines), encoding="utf-8")
    with pytest.raises(RulesError, match=rf"budget of x has {key} = "):
        read_budgets(path)


def test_a_key_that_nobody_reads_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "budgets.toml"
    path.write_text("[[budget]]\nitem = 'x'\nlasst = '5m'\n", encoding="utf-8")
    with pytest.raises(RulesError, match="lasst"):
        read_budgets(path)


def test_matchers_are_added_to_each_series_and_to_nothing_else() -> None:
    text = 'sum by (mode) (rate(memory_mode_gauge{mode="a"}[5m])) / on () group_left () max(chat_turns_total)'
    assert with_matchers(text, 'job="app"') == (
        'sum by (mode) (rate(memory_mode_gauge{mode="a", job="app"}[5m])) / on () group_left () '
        'max(chat_turns_total{job="app"})'
    )


def test_every_duration_of_a_rule_is_scaled() -> None:
    rules = """
groups:
  - name: a
    interval: 1m
    rules:
      - alert: A
        expr: |
          # not [5m] here
          max_over_time(rate(x[5m] offset 1d)[1h30m:15s]) - y offset -2m > 5
        for: 15m
"""
    group = yaml.safe_load(faster(rules, 60))["groups"][0]
    assert group["interval"] == "1000ms"
    rule = group["rules"][0]
    assert rule["for"] == "15000ms"
    wanted = "max_over_time(rate(x[5000ms] offset 1440000ms)[90000ms:250ms]) - y offset -2000ms > 5"
    assert rule["expr"].strip() == wanted
    with pytest.raises(RulesError, match="no groups"):
        faster("- a", 60)


def test_an_age_that_is_waited_for_is_scaled_and_a_latency_is_not() -> None:
    rules = (prometheus_folder() / "alerts.yml").read_text(encoding="utf-8")
    alerts = {rule.get("alert"): rule["expr"] for rule in yaml.safe_load(faster(rules, 60))["groups"][0]["rules"]}
    assert "last_over_time(memory_outbox_oldest_age_seconds[2000ms])) > 10\n" in alerts["MemoryOutboxStuck"]
    assert "> 5\n" in alerts["MemoryReadFailuresSpike"]

    def scaled(expr: str) -> str:
        rule = {"groups": [{"name": "a", "rules": [{"record": "a", "expr": expr}]}]}
        return str(yaml.safe_load(faster(yaml.safe_dump(rule), 60))["groups"][0]["rules"][0]["expr"])

    assert scaled("x_age_seconds > bool 90") == "x_age_seconds > bool 1.5"
    assert scaled('max(x_age_seconds{mode="a"}) >= 300') == 'max(x_age_seconds{mode="a"}) >= 5'
    assert scaled("read_latency_seconds > 300") == "read_latency_seconds > 300"


@given(st.integers(1, 500), st.sampled_from(["s", "m", "h", "d"]), st.integers(1, 1000))
def test_a_scaled_duration_is_the_same_share(count: int, unit: str, scale: int) -> None:
    real = duration_s(f"{count}{unit}")
    assert abs(duration_s(scaled_duration(f"{count}{unit}", scale)) - real / scale) <= 0.001


def test_no_metric_of_an_expression_is_misspelt() -> None:
    import chatapp.metrics
    from guard import MemoryService
    from guard.metrics.exposition import render
    from guard.outbox.collector import OutboxCollector
    from guard.outbox.rows import Counts
    from zepguard.prometheus.expressions import METRIC

    assert chatapp.metrics.REGISTRY  # its counters are served with the guard's
    rows = SimpleNamespace(counts=lambda: Counts(pending=0, sending=0, dead=0, oldest=None))
    outbox = OutboxCollector(rows)  # type: ignore[arg-type]
    served = render(MemoryService.from_env({}), more=[outbox])[0].decode()
    for one in read_expressions().values():
        for found in METRIC.finditer(one.promql()):
            assert f"\n{found[1]}" in served, found[1]
