"""A downgrade pages and its restore resolves the page: real stack, Prometheus, Alertmanager; a minute a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from zepguard.parts.prometheus import ALERTMANAGER, PROMETHEUS, Tool
from zepguard.prometheus.alertmanager import Alertmanager
from zepguard.prometheus.pagerduty import Page, PagerDutyRecorder
from zepguard.prometheus.places import prometheus_folder
from zepguard.prometheus.server import Prometheus
from zepguard.stack.stack import Stack
from zepguard.worlds.stack import StackWorld

pytestmark = pytest.mark.stack

SCALE = 60.0
WITHIN_S = 120.0


@pytest.fixture(autouse=True)
def _tools(tool: Callable[[Tool], Path]) -> None:
    tool(PROMETHEUS)
    tool(ALERTMANAGER)


def comes_true(question: Callable[[], bool]) -> bool:
    gives_up_at = time.monotonic() + WITHIN_S
    while not (answer := question()) and time.monotonic() < gives_up_at:
        time.sleep(0.1)
    return answer


def about(action: str, alert: str) -> Callable[[Page], bool]:
    return lambda page: page.action == action and (action == "resolve" or page.payload.get("class") == alert)


def test_a_downgrade_pages_by_its_severity_and_a_restore_resolves_it(tmp_path: Path) -> None:
    with ExitStack() as running:
        recorder = running.enter_context(PagerDutyRecorder())
        info = running.enter_context(Stack.start(time_scale=SCALE))
        world = StackWorld(info)
        running.callback(world.close)
        alertmanager = running.enter_context(
            Alertmanager.start(tmp_path / "alertmanager", pagerduty_url=recorder.url, time_scale=SCALE)
        )
        prometheus = running.enter_context(
            Prometheus.start(
                tmp_path / "prometheus",
                scrape={"chatapp": info.metrics_url},
                rules=[prometheus_folder() / "alerts.yml"],
                alertmanager_url=alertmanager.url,
                interval_s=1.0,
                time_scale=SCALE,
            )
        )
        world.begin("pages")
        assert comes_true(prometheus.ask.targets_up)
        world.say("hello", thread="t")
        assert recorder.pages == ()

        world.start_fault("http-401")
        world.say("what do I like?", thread="t")
        page = recorder.wait_for(about("trigger", "MemoryAutoDowngrade"), within_s=WITHIN_S)
        assert page is not None, prometheus.ask.instant("ALERTS")
        assert page.payload["severity"] == "warning"
        assert page.routing_key == alertmanager.keys["backend-warning"]
        assert "Reason: auth. Check Zep health." in page.payload["custom_details"]["what"]

        # Messages keep coming, each probe fails: after fifteen minutes at this pace it is stuck, and that is critical.
        def still_talking() -> bool:
            world.say("still there?", thread="t")
            return any(about("trigger", "MemoryStuckInDowngrade")(one) for one in recorder.pages)

        assert comes_true(still_talking), prometheus.ask.instant("ALERTS")
        stuck = next(one for one in recorder.pages if one.payload.get("class") == "MemoryStuckInDowngrade")
        assert stuck.payload["severity"] == "critical"
        assert stuck.routing_key == alertmanager.keys["backend-critical"]

        world.stop_faults()

        def restored() -> bool:
            world.say("and now?", thread="t")
            return bool(prometheus.ask.instant('memory_mode_gauge{mode="read_write"} == 1'))

        assert comes_true(restored)
        for one in (page, stuck):
            resolved = recorder.wait_for(
                lambda later, key=one.key: later.action == "resolve" and later.key == key, within_s=WITHIN_S
            )
            assert resolved is not None, prometheus.ask.instant("ALERTS")


def test_an_event_that_pagerduty_would_refuse_is_refused() -> None:
    with PagerDutyRecorder() as recorder:
        answer = httpx.post(recorder.url, json={"event_action": "trigger", "routing_key": "k"}, trust_env=False)
        assert (answer.status_code, recorder.pages) == (400, ())
        assert "payload.summary" in answer.json()["message"]
        assert httpx.post(recorder.url, content=b"no", trust_env=False).status_code == 400
