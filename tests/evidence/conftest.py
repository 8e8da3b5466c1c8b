"""Evidence as a run would leave it."""

from collections.abc import Callable
from typing import Any

import pytest

from zepguard.evidence import (
    Budget,
    Evidence,
    Finding,
    ItemResult,
    Lane,
    LogLine,
    Mark,
    Panel,
    Run,
    Scenario,
    Series,
    Table,
    Timeline,
    Verdict,
)
from zepguard.evidence.model import PanelKind, Product, Step, Threshold

START = 1_767_600_000.0

Make = Callable[..., Any]


@pytest.fixture
def timeline() -> Timeline:
    """A downgrade and a restore, with a fault, an open breaker and turns."""
    marks = (
        Mark(at=START, lane=Lane.MODE, label="read_write"),
        Mark(at=START + 4, lane=Lane.MODE, label="write_only", of="auth"),
        Mark(at=START + 304, lane=Lane.MODE, label="read_write"),
        Mark(at=START + 2, lane=Lane.FAULT, label="black-hole", of="black-hole", until=START + 60),
        Mark(at=START + 3, lane=Lane.BREAKER, label="open", of="read"),
        Mark(at=START + 33, lane=Lane.BREAKER, label="closed", of="read"),
        Mark(at=START + 4, lane=Lane.LATENCY, label="turn", value=1.5),
        Mark(at=START + 70, lane=Lane.LATENCY, label="turn, status 0", value=0.02),
        Mark(at=START + 5, lane=Lane.NOTE, label="worker restarted"),
    )
    return Timeline(title="it downgrades <b>", began=START, ended=START + 320, marks=marks)


@pytest.fixture
def scenario(timeline: Timeline) -> Make:
    """A scenario of drill 4."""

    def make(status: str = "passed", **changes: Any) -> Scenario:
        fields = {
            "feature": "Drill 4, auth failure",
            "name": "the downgrade is counted exactly once",
            "ids": ("drill4-counter",),
            "status": status,
            "where": "sim",
            "problem": "" if status == "passed" else "gauge is 0\nand not 1",
            "seen": ("gauge 1 <b>",),
            "steps": (
                Step(text="Given a key", status="passed", took_s=0.25),
                Step(text="Then it holds", status="passed" if status == "passed" else "failed", took_s=0.5),
            ),
            "took_s": 0.75,
            "timeline": timeline,
            "log": (LogLine(at=START + 4, event="memory_mode_forced", details={"reason": "auth", "hold_s": 300.0}),),
        }
        return Scenario.model_validate({**fields, **changes})

    return make


@pytest.fixture
def evidence(scenario: Make) -> Make:
    """A run with one scenario, unless others are given."""

    def make(**changes: Any) -> Evidence:
        run = {
            "command": "zepguard drill 4",
            "world": "sim",
            "time_scale": 1.0,
            "started": "2026-01-05T08:00:00+00:00",
            "finished": "2026-01-05T08:10:00+00:00",
        }
        fields: dict[str, Any] = {
            "product": Product(version="0.2.0", commit="c" * 40, changed=False, versions={"Python": "3.11"}),
            "settings": {"FLAG_ZEP_READ": "true", "ZEP_API_KEY": "a-key-of-the-run"},
            "scenarios": (scenario(),),
        }
        run |= changes.pop("run", {})
        return Evidence(**{**fields, "run": Run.model_validate(run), **changes})

    return make


@pytest.fixture
def full(evidence: Make, scenario: Make, timeline: Timeline) -> Evidence:
    """Everything that a page can show."""
    points = tuple((START + 10 * n, None if n < 3 else 0.9 + n / 1000) for n in range(100))
    modes = tuple((START + 10 * n, 2.0 if n < 50 else 1.0) for n in range(100))
    texts = {"1": "WRITE_ONLY", "2": "READ_WRITE"}
    panels = (
        _panel(
            title="Memory Mode (Current)",
            kind=PanelKind.STAT,
            unit="short",
            texts=texts,
            series=_one("mode", modes),
        ),
        _panel(
            title="Read Health",
            kind=PanelKind.STAT,
            unit="percentunit",
            thresholds=(Threshold(value=None, colour="red"), Threshold(value=0.9, colour="green")),
            series=_one("answered", points),
        ),
        _panel(title="Downgrade Events", kind=PanelKind.TIMESERIES, unit="short", no_value="0 events"),
        _panel(
            title="Read/Write Request Rate",
            kind=PanelKind.TIMESERIES,
            unit="reqps",
            series=_one("reads", points) * 2,
        ),
        _panel(
            title="Mode Timeline",
            kind=PanelKind.STATE_TIMELINE,
            unit="short",
            texts=texts,
            series=_one("mode", modes),
        ),
    )
    made: Evidence = evidence(
        scenarios=(scenario(), scenario("failed", name="a" * 200), scenario("void", name="another", problem="x" * 300)),
        results=(ItemResult(item="soak-writes", status="passed", where="sim", by="zepguard soak", seen=("99.7 %",)),),
        findings=(
            Finding(stage="canary", verdict=Verdict.NO_GO, why=("p95 TTFB <b> +180 ms",), by="zepguard load"),
            Finding(
                stage="simulation", verdict=Verdict.GO, why=("500 seeds", "hash " + "ab" * 32), by="zepguard simulate"
            ),
        ),
        budgets=(
            Budget(
                item="canary-ttfb", limit="<b> below 100", verdict=Verdict.NO_GO, seen="+180 ms", asked="max(x)" * 30
            ),
            Budget(item="canary-cache", limit="over 0.3", verdict=None, seen="not asked"),
        ),
        tables=(
            Table(
                title="Time to first token",
                columns=("Threads", *(f"p{percent}" for percent in range(50, 100, 3))),
                rows=(("without memory", *(f"{percent}00" for percent in range(50, 100, 3))),),
                about="Milliseconds <b>",
            ),
            Table(
                title="Matrix",
                columns=("Defect", "Item", "Seen by"),
                rows=(("cache-never-hits", "ops-invalidate", "@ops-invalidate " + "zep_mode drops the context " * 3),),
            ),
        ),
        timelines=(timeline,),
        panels=panels,
    )
    return made


def _one(name: str, points: tuple[tuple[float, float | None], ...]) -> tuple[Series, ...]:
    return (Series(name=name, points=points),)


def _panel(**fields: Any) -> Panel:
    return Panel.model_validate({"began": START, "ended": START + 990, **fields})
