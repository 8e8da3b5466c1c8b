"""The dashboard: its files are up to date and of Grafana's schema, and each panel shows what the checklist says.

No Grafana runs here. What a panel would show is worked out from the file as Grafana does it: the last value, then the
value mappings.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from zepguard.parts.prometheus import PROMETHEUS, PROMTOOL, find_tool
from zepguard.prometheus.blocks import make_blocks
from zepguard.prometheus.dashboard import files
from zepguard.prometheus.places import grafana_folder, prometheus_folder
from zepguard.prometheus.server import Prometheus

NINE = [
    "Memory Mode (Current)",
    "Downgrade Events",
    "Read Health",
    "Context Failures",
    "PII Redactions",
    "Cache Hit Rate",
    "Write Health",
    "Circuit Breaker Opens",
    "Read/Write Request Rate",
]
OUTBOX = ["Outbox Depth", "Oldest Undelivered Message", "Dead Letters", "Sent Again", "Outbox Deliveries"]
BEGAN = 1_760_000_400
STEP_S = 30
PHASE_S = 2 * 3600
WRITE_ONLY_AT = BEGAN + PHASE_S - 60
READ_WRITE_AT = BEGAN + 2 * PHASE_S - 60
DOWNGRADED_AT = BEGAN + PHASE_S + 3660
EMPTY = "nothing"

Panel = dict[str, Any]


@pytest.fixture(scope="module")
def posted() -> dict[str, Any]:
    text = (grafana_folder() / "dashboards/memory_service_monitoring.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@pytest.fixture(scope="module")
def panels(posted: dict[str, Any]) -> dict[str, Panel]:
    return {panel["title"]: panel for panel in posted["dashboard"]["panels"]}


@pytest.mark.parametrize("name", files())
def test_the_files_are_up_to_date(name: str) -> None:
    written = (grafana_folder() / name).read_text(encoding="utf-8")
    assert written == files()[name], "run python -m zepguard.prometheus.dashboard"


def test_the_checklists_call_takes_the_first_file_and_provisioning_the_second(posted: dict[str, Any]) -> None:
    second = grafana_folder() / "provisioning/dashboards/memory_service_monitoring.json"
    alone = json.loads(second.read_text(encoding="utf-8"))
    assert (posted["overwrite"], posted["dashboard"]["id"]) == (True, None)
    assert {**alone, "id": None} == posted["dashboard"]
    assert "dashboard" not in alone


def test_grafanas_own_model_reads_it_and_writes_the_same(posted: dict[str, Any]) -> None:
    """The nearest to a schema that can be had without Grafana: the types that the SDK makes from Grafana's sources."""
    without = json.loads(json.dumps(posted["dashboard"]))
    del without["id"]
    for annotation in without["annotations"]["list"]:
        del annotation["titleFormat"]
    again = json.loads(json.dumps(Dashboard.from_json(without), cls=JSONEncoder))
    assert again == without


def test_the_nine_panels_stand_first_and_in_the_checklists_order(posted: dict[str, Any]) -> None:
    titles = [panel["title"] for panel in posted["dashboard"]["panels"]]
    assert titles == [*NINE, "Mode Timeline", *OUTBOX]


def test_the_oldest_message_is_red_where_its_alert_begins(panels: dict[str, Panel]) -> None:
    rules = yaml.safe_load((prometheus_folder() / "alerts.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
    (stuck,) = (rule for rule in rules if rule.get("alert") == "MemoryOutboxStuck")
    alarm_s = float(re.findall(r"> ([0-9]+)", stuck["expr"])[0])
    steps = panels["Oldest Undelivered Message"]["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [(step["value"], step["color"]) for step in steps] == [(None, "green"), (alarm_s, "red")]


def test_no_panel_lies_on_another(posted: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in posted["dashboard"]["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_every_panel_has_a_unit_thresholds_and_the_variables(posted: dict[str, Any]) -> None:
    assert [one["name"] for one in posted["dashboard"]["templating"]["list"]] == ["datasource", "job", "instance"]
    assert [one["name"] for one in posted["dashboard"]["annotations"]["list"]] == ["Downgrades", "Restores"]
    for panel in posted["dashboard"]["panels"]:
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"]
        assert defaults["thresholds"]["steps"]
        for target in panel["targets"]:
            assert 'job=~"$job", instance=~"$instance"' in target["expr"]


@pytest.mark.parametrize(
    ("title", "value", "colour"),
    [
        ("Write Health", 0.991, "green"),
        ("Write Health", 0.989, "red"),
        ("Read Health", 0.91, "green"),
        ("Read Health", 0.89, "red"),
        ("Cache Hit Rate", 0.41, "green"),
        ("Cache Hit Rate", 0.31, "yellow"),
        ("Cache Hit Rate", 0.29, "red"),
        ("Context Failures", 4.9, "yellow"),
        ("Context Failures", 5.1, "red"),
        ("Downgrade Events", 1, "red"),
        ("Circuit Breaker Opens", 0, "green"),
        ("Circuit Breaker Opens", 1, "red"),
        ("Dead Letters", 0, "green"),
        ("Dead Letters", 1, "red"),
    ],
)
def test_the_checklists_numbers_colour_a_panel(panels: dict[str, Panel], title: str, value: float, colour: str) -> None:
    """The figures are copied from the checklist here, and stand in budgets.toml; it has none of dead letters."""
    steps = panels[title]["fieldConfig"]["defaults"]["thresholds"]["steps"]
    reached = [step["color"] for step in steps if step["value"] is None or step["value"] <= value]
    assert reached[-1] == colour


# --- what it shows, by a real Prometheus ---


def sample_text() -> str:
    """Two hours of write-only with a message a second, then two of read-write with one downgrade and its restore."""
    families: dict[str, list[str]] = {}

    def put(name: str, labels: str, value: float, at: int) -> None:
        kind = "counter" if name.endswith("_total") else "gauge"
        families.setdefault(f"{name.removesuffix('_total')} {kind}", []).append(
            f'{name}{{{labels}{"," if labels else ""}job="app",instance="a:1"}} {value} {at}'
        )

    for label, values in (("off", (0, 0)), ("write_only", (1, 0)), ("read_write", (0, 1))):
        for at in times():
            forced = DOWNGRADED_AT <= at < DOWNGRADED_AT + 300
            value = int(label == "write_only") if forced else values[at >= BEGAN + PHASE_S]
            put("memory_mode_gauge", f'mode="{label}"', value, at)
    for at in times():
        reading = max(0, at - BEGAN - PHASE_S)
        put("memory_zep_downgrades_total", 'reason="auth"', int(at >= DOWNGRADED_AT), at)
        put("memory_zep_restores_total", "", int(at >= DOWNGRADED_AT + 300), at)
        put("memory_zep_read_requests_total", "", reading * 0.6, at)
        put("memory_zep_context_cache_hits_total", "", reading * 0.4, at)
        put("memory_zep_context_failures_total", "", reading * 0.003, at)
        put("memory_zep_write_requests_total", "", at - BEGAN, at)
        put("memory_zep_write_failures_total", "", (at - BEGAN) * 0.003, at)
        put("circuit_open_total", 'component="zep"', 0, at)
        put("memory_outbox_depth", "", 3, at)
        put("memory_outbox_oldest_age_seconds", "", 7.5, at)
        put("memory_outbox_dead_letters", "", int(reading > 0), at)
        put("memory_outbox_delivered_total", "", (at - BEGAN) * 2, at)
        put("memory_outbox_retried_total", "", (at - BEGAN) * 0.1, at)
        put("memory_outbox_unknown_total", "", reading / 360, at)
        put("memory_outbox_dead_total", "", reading * 0.05, at)
    lines = [line for family, body in families.items() for line in (f"# TYPE {family}", *body)]
    return "\n".join([*lines, "# EOF", ""])


def times() -> range:
    return range(BEGAN, BEGAN + 2 * PHASE_S, STEP_S)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    for tool in (PROMETHEUS, PROMTOOL):
        if find_tool(tool) is None:
            pytest.skip(f"{tool.name} is not here: {tool.remedy}")
    folder = tmp_path_factory.mktemp("dashboard")
    text = folder / "text"
    text.write_text(sample_text(), encoding="utf-8")
    make_blocks(text, folder / "data")
    with Prometheus.start(folder) as running:
        yield running


def shown(prometheus: Prometheus, panel: Panel, at: float, *, job: str = ".*") -> str | list[float]:
    """What a panel shows: the mapped text, ``nothing`` for no series, or the numbers."""
    values: list[float] = []
    for target in panel["targets"]:
        promql = target["expr"].replace("$job", job).replace("$instance", ".*")
        values += [series.last for series in prometheus.ask.instant(promql, at=at)]
    if not values:
        return EMPTY
    for mapping in panel["fieldConfig"]["defaults"].get("mappings", []):
        options = mapping["options"]
        if mapping["type"] == "special" and all(math.isnan(value) for value in values):
            return str(options["result"]["text"])
        if mapping["type"] == "value":
            return str(options[f"{values[0]:g}"]["text"])
    return [round(value, 6) for value in values]


@pytest.mark.stack
@pytest.mark.parametrize(
    ("title", "write_only", "read_write"),
    [
        ("Memory Mode (Current)", "WRITE_ONLY", "READ_WRITE"),
        ("Downgrade Events", EMPTY, EMPTY),
        ("Read Health", "N/A", [0.995]),
        ("Context Failures", EMPTY, [0.003]),
        ("PII Redactions", [0], [0]),
        ("Cache Hit Rate", "N/A", [0.4]),
        ("Write Health", [0.997], [0.997]),
        ("Circuit Breaker Opens", [0], [0]),
        ("Read/Write Request Rate", [0, 1], [0.6, 1]),
        ("Mode Timeline", "WRITE_ONLY", "READ_WRITE"),
        ("Outbox Depth", [3], [3]),
        ("Oldest Undelivered Message", [7.5], [7.5]),
        ("Dead Letters", [0], [1]),
        ("Sent Again", [0], [10]),
        ("Outbox Deliveries", [2, 0.1, 0], [2, 0.1, 0.05]),
    ],
)
def test_each_panel_shows_what_the_checklist_says(
    prometheus: Prometheus, panels: dict[str, Panel], title: str, write_only: object, read_write: object
) -> None:
    assert shown(prometheus, panels[title], WRITE_ONLY_AT) == write_only
    assert shown(prometheus, panels[title], READ_WRITE_AT) == read_write


@pytest.mark.stack
def test_a_downgrade_and_its_restore_show(prometheus: Prometheus, panels: dict[str, Panel]) -> None:
    assert shown(prometheus, panels["Downgrade Events"], DOWNGRADED_AT + 60) != EMPTY
    assert shown(prometheus, panels["Memory Mode (Current)"], DOWNGRADED_AT + 60) == "WRITE_ONLY"
    assert shown(prometheus, panels["Memory Mode (Current)"], DOWNGRADED_AT + 360) == "READ_WRITE"


@pytest.mark.stack
def test_annotations_stand_where_mode_changed(prometheus: Prometheus, posted: dict[str, Any]) -> None:
    for annotation, at in zip(
        posted["dashboard"]["annotations"]["list"], (DOWNGRADED_AT, DOWNGRADED_AT + 300), strict=True
    ):
        promql = annotation["expr"].replace("$job", "app").replace("$instance", "a:1")
        (found,) = prometheus.ask.range(promql, start=BEGAN, end=BEGAN + 2 * PHASE_S - STEP_S, step_s=STEP_S)
        assert at <= found.points[0][0] <= at + STEP_S
        assert found.points[-1][0] <= at + 330


@pytest.mark.stack
def test_another_job_shows_nothing(prometheus: Prometheus, panels: dict[str, Panel]) -> None:
    for panel in panels.values():
        assert shown(prometheus, panel, READ_WRITE_AT, job="another") == EMPTY
