"""What the dashboard shows of soaks, asked as Grafana asks: with its variables' values, over its range of time.

An hour of the product in virtual time each. In write-only beside what the checklist says that the panels show; in
read-write with a refused key, so that the panels that are empty in write-only are seen to be full.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from zepguard.parts.prometheus import PROMETHEUS, PROMTOOL, find_tool
from zepguard.prometheus.answers import QueryRefused, Series
from zepguard.prometheus.blocks import make_blocks
from zepguard.prometheus.expressions import METRIC
from zepguard.prometheus.places import grafana_folder, prometheus_folder
from zepguard.prometheus.server import Prometheus
from zepguard.soak.run import Soak, run
from zepguard.soak.scenarios import SCENARIOS, Incident, IncidentKind, Scenario
from zepguard.soak.story import Story, Stretch

pytestmark = pytest.mark.stack

STEP_S = 30
OF_GRAFANA = {"$__rate_interval": "120s", "$__interval": f"{STEP_S}s", "$__range": "21600s"}
LABEL_VALUES = re.compile(r"label_values\((.+), (\w+)\)")
QUIET = replace(SCENARIOS["soak"], hours=1, message_every_s=30)
REFUSED = replace(
    SCENARIOS["week"],
    hours=1,
    message_every_s=30,
    incidents=(Incident(kind=IncidentKind.KEY_ROTATION, at_h=0.25, lasts_min=12),),
)
Shows = Mapping[str, Sequence[float]]


@dataclass(frozen=True, kw_only=True)
class Grafana:
    """The dashboard over a soak's samples; no Grafana runs."""

    dashboard: Mapping[str, Any]
    prometheus: Prometheus
    story: Story

    def ask(self, promql: str) -> list[Series]:
        """The series of the dashboard's own range, six hours up to the soak's end."""
        for variable, value in (OF_GRAFANA | self.variables()).items():
            promql = promql.replace(variable, value)
        assert "$" not in promql, f"a variable that this test does not know: {promql}"
        return self.prometheus.ask.range(promql, start=self.story.ended - 6 * 3600, end=self.story.ended, step_s=STEP_S)

    def variables(self) -> dict[str, str]:
        """What one can choose of each variable, all of it chosen."""
        chosen: dict[str, str] = {}
        for one in self.dashboard["templating"]["list"]:
            if one["type"] == "query":
                found = LABEL_VALUES.fullmatch(one["query"]["query"])
                assert found, one
                selector = found[1].replace("$job", chosen.get("$job", ""))
                series = self.prometheus.ask.instant(selector, at=self.story.ended)
                chosen[f"${one['name']}"] = "|".join(sorted({each.labels[found[2]] for each in series}))
        return chosen

    def panels(self) -> dict[str, list[Series]]:
        """By title, what each query of a panel gives."""
        panels = self.dashboard["panels"]
        return {
            one["title"]: [each for target in one["targets"] for each in self.ask(target["expr"])] for one in panels
        }

    def last(self) -> dict[str, list[float]]:
        """By title, the last values."""
        return {title: [each.last for each in series] for title, series in self.panels().items()}


@pytest.fixture(scope="module")
def dashboard() -> Mapping[str, Any]:
    text = (grafana_folder() / "dashboards/memory_service_monitoring.json").read_text(encoding="utf-8")
    loaded: Mapping[str, Any] = json.loads(text)["dashboard"]
    return loaded


def over(dashboard: Mapping[str, Any], scenario: Scenario, folder: Path) -> Iterator[Grafana]:
    for tool in (PROMETHEUS, PROMTOOL):
        if find_tool(tool) is None:
            pytest.skip(f"{tool.name} is not here: {tool.remedy}")
    story = run(Soak(scenario=scenario), folder / "metrics")
    make_blocks(folder / "metrics", folder / "prometheus/data", block_s=story.lasts_s)
    with Prometheus.start(folder / "prometheus") as prometheus:
        yield Grafana(dashboard=dashboard, prometheus=prometheus, story=story)


@pytest.fixture(scope="module")
def write_only(dashboard: Mapping[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grafana]:
    yield from over(dashboard, QUIET, tmp_path_factory.mktemp("write_only"))


@pytest.fixture(scope="module")
def read_write(dashboard: Mapping[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grafana]:
    yield from over(dashboard, REFUSED, tmp_path_factory.mktemp("read_write"))


def test_the_variables_offer_the_soaks_job_and_instance(write_only: Grafana) -> None:
    assert write_only.variables() == {"$job": "chatapp", "$instance": "soak:8000"}


def test_write_only_shows_what_the_checklist_says(
    write_only: Grafana, as_the_checklist_says: Callable[[Shows], None]
) -> None:
    shows = write_only.last()
    as_the_checklist_says(shows)
    assert shows["Mode Timeline"] == [1]


def test_each_metric_that_a_query_names_was_scraped(write_only: Grafana) -> None:
    """Also where a panel is empty in write-only, or shows 0 for a series that is not there."""
    asked = [target["expr"] for panel in write_only.dashboard["panels"] for target in panel["targets"]]
    asked += [one["expr"] for one in write_only.dashboard["annotations"]["list"]]
    for name in {found[1] for promql in asked for found in METRIC.finditer(promql)}:
        assert write_only.ask(name), name


def test_write_only_shows_an_outbox_that_is_delivered(write_only: Grafana) -> None:
    shows = write_only.last()
    assert shows["Outbox Depth"] == shows["Oldest Undelivered Message"] == shows["Dead Letters"] == [0]
    assert 0 <= shows["Sent Again"][0] < 3
    delivered, retried, dead = shows["Outbox Deliveries"]
    assert delivered > 0
    assert (round(retried, 2), dead) == (0, 0)


def test_the_key_that_was_refused_fills_the_panels_that_write_only_leaves_empty(read_write: Grafana) -> None:
    (trouble,) = read_write.story.real_troubles()
    panels = read_write.panels()
    reasons = {each.labels["reason"] for each in panels["Downgrade Events"]}
    assert "auth" in reasons
    assert all(within(trouble, at) for each in panels["Downgrade Events"] for at, _ in each.points)
    (failures,) = panels["Context Failures"]
    assert all(within(trouble, at) for at, _ in failures.points)
    (timeline,) = panels["Mode Timeline"]
    assert {value for _, value in timeline.points} == {1, 2}
    shows = {title: [each.last for each in series] for title, series in panels.items()}
    assert shows["Memory Mode (Current)"] == [2]
    assert 0.9 < shows["Read Health"][0] <= 1
    assert 0 < shows["Cache Hit Rate"][0] < 1
    reads, writes = shows["Read/Write Request Rate"]
    assert min(reads, writes) > 0
    (waited,) = panels["Oldest Undelivered Message"]
    assert max(waited.values) > 600


def within(trouble: Stretch, at: float) -> bool:
    """In an incident, or so soon after it that a window of 5 min, a hold of as long and a message see it."""
    return trouble.began <= at <= trouble.ended + 11 * 60


def test_annotations_stand_at_the_downgrade_and_the_restore(read_write: Grafana) -> None:
    (trouble,) = read_write.story.real_troubles()
    downgraded, restored = (
        min(at for each in read_write.ask(one["expr"]) for at, _ in each.points)
        for one in read_write.dashboard["annotations"]["list"]
    )
    assert trouble.began <= downgraded <= trouble.ended < restored


def test_a_panel_whose_query_cannot_be_is_refused(write_only: Grafana) -> None:
    with pytest.raises(QueryRefused, match="parse error"):
        write_only.ask("sum(rate(memory_mode_gauge))")


def test_no_alert_of_a_healthy_soak(write_only: Grafana) -> None:
    """Not even for a moment: each expression over the whole time, without its ``for``."""
    groups = yaml.safe_load((prometheus_folder() / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in (rule for group in groups for rule in group["rules"] if "alert" in rule):
        began, ended = write_only.story.began, write_only.story.ended
        found = write_only.prometheus.ask.range(rule["expr"], start=began, end=ended, step_s=STEP_S)
        assert found == [], rule["alert"]
