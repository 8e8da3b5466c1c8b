"""The page's panels are the dashboard's, with what a real Prometheus answers."""

import json
from pathlib import Path

import pytest

from zepguard.evidence import Panel, ask_panels
from zepguard.evidence.panel_svg import panel_svg, shown
from zepguard.evidence.scraping import panels_of
from zepguard.parts.prometheus import PROMETHEUS, PROMTOOL, find_tool
from zepguard.prometheus.blocks import make_blocks
from zepguard.prometheus.places import grafana_folder
from zepguard.prometheus.server import Prometheus

BEGAN, LASTS_S, STEP_S = 1_767_600_000, 2 * 3600, 15
DOWNGRADED_S = 5400


def sample_text() -> str:
    """Read-write with a message a second; a downgrade in the last half hour, which holds till the end."""
    families: dict[str, list[str]] = {}
    for after in range(0, LASTS_S, STEP_S):
        down = after >= DOWNGRADED_S
        samples = {
            'memory_mode_gauge{mode="off"}': 0,
            'memory_mode_gauge{mode="write_only"}': int(down),
            'memory_mode_gauge{mode="read_write"}': int(not down),
            'memory_zep_downgrades_total{reason="auth"}': int(down),
            "memory_zep_read_requests_total": min(after, DOWNGRADED_S),
            "memory_zep_context_failures_total": 0,
            "memory_zep_write_requests_total": after,
            "memory_zep_write_failures_total": after * 0.002,
        }
        for name, value in samples.items():
            family = name.partition("{")[0]
            kind = "counter" if family.endswith("_total") else "gauge"
            head = f"# TYPE {family.removesuffix('_total')} {kind}"
            families.setdefault(head, []).append(f"{name} {value} {BEGAN + after}")
    return "\n".join([line for head, body in families.items() for line in (head, *body)] + ["# EOF", ""])


@pytest.fixture(scope="module")
def panels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Panel]:
    for tool in (PROMETHEUS, PROMTOOL):
        if find_tool(tool) is None:
            pytest.skip(f"{tool.name} is not here: {tool.remedy}")
    folder = tmp_path_factory.mktemp("panels")
    (folder / "text").write_text(sample_text(), encoding="utf-8")
    make_blocks(folder / "text", folder / "data")
    with Prometheus.start(folder) as running:
        found = ask_panels(running.ask, start=BEGAN, end=BEGAN + LASTS_S - STEP_S)
    return {one.title: one for one in found}


@pytest.mark.stack
def test_they_are_the_dashboards_panels_in_its_order(panels: dict[str, Panel]) -> None:
    text = (grafana_folder() / "dashboards/memory_service_monitoring.json").read_text(encoding="utf-8")
    assert list(panels) == [one["title"] for one in json.loads(text)["dashboard"]["panels"]]
    assert len(panels) >= 9


@pytest.mark.stack
@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Memory Mode (Current)", "WRITE_ONLY"),
        ("Read Health", "N/A"),
        ("Write Health", "99.80 %"),
        ("Circuit Breaker Opens", "N/A"),
        ("Context Failures", "none"),
    ],
)
def test_each_shows_what_was_the_last(panels: dict[str, Panel], title: str, text: str) -> None:
    assert [said for said, _ in shown(panels[title])] == [text]
    assert text in panel_svg(panels[title])


@pytest.mark.stack
def test_a_downgrade_and_both_modes_are_drawn(panels: dict[str, Panel]) -> None:
    (downgrades,) = panels["Downgrade Events"].series
    assert downgrades.name == "auth"
    assert {value for _, value in panels["Mode Timeline"].series[0].points} == {1.0, 2.0}
    assert {"bar write-only", "bar read-write"} <= set(panel_svg(panels["Mode Timeline"]).split('"'))
    reads, writes = panels["Read/Write Request Rate"].series
    assert (reads.name, writes.name) == ("reads", "writes")
    assert (reads.points[-1][1], round(writes.points[-1][1] or 0, 2)) == (0.0, 1.0)


def test_without_a_prometheus_there_are_no_panels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("zepguard.evidence.scraping.find_tool", lambda tool: None)
    with panels_of("http://127.0.0.1:9/metrics") as panels:
        assert panels() == ()
