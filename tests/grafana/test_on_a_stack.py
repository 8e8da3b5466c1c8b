"""What the dashboard shows of a real stack in write-only, beside what the checklist says that it shows."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from zepguard.parts.prometheus import PROMETHEUS, find_tool
from zepguard.prometheus.places import grafana_folder
from zepguard.prometheus.server import Prometheus
from zepguard.stack.stack import Stack
from zepguard.worlds.stack import StackWorld

WITHIN_S = 120.0


def values(prometheus: Prometheus) -> dict[str, list[float]]:
    """By panel: the last value of each series, and of each target without one, nothing."""
    text = (grafana_folder() / "dashboards/memory_service_monitoring.json").read_text(encoding="utf-8")
    found: dict[str, list[float]] = {}
    at = time.time() - 2  # one moment for all panels, and no scrape of that time is still to come
    for panel in json.loads(text)["dashboard"]["panels"]:
        asked = [one["expr"].replace("$job", "chatapp").replace("$instance", ".*") for one in panel["targets"]]
        found[panel["title"]] = [series.last for promql in asked for series in prometheus.ask.instant(promql, at=at)]
    return found


@pytest.mark.stack
def test_write_only_shows_what_the_checklist_says(
    tmp_path: Path, as_the_checklist_says: Callable[[Mapping[str, Sequence[float]]], None]
) -> None:
    if find_tool(PROMETHEUS) is None:
        pytest.skip(f"prometheus is not here: {PROMETHEUS.remedy}")
    with (
        Stack.start(mode="write_only") as info,
        Prometheus.start(tmp_path, scrape={"chatapp": info.metrics_url}, interval_s=1.0) as prometheus,
    ):
        gives_up_at = time.monotonic() + WITHIN_S
        while not prometheus.ask.targets_up() and time.monotonic() < gives_up_at:
            time.sleep(0.1)
        world = StackWorld(info)
        world.begin("dashboard")
        for number in range(3):
            assert world.say(f"message {number}", thread="t").status == 200
        while not (shows := values(prometheus))["Read/Write Request Rate"][1:] > [0] and time.monotonic() < gives_up_at:
            time.sleep(0.1)
        world.close()
    as_the_checklist_says(shows)
    assert shows["Mode Timeline"] == [1]
