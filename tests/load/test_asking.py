"""What a real Prometheus says of the scrapes of a run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zepguard.load.asking import ask
from zepguard.load.samples import End, LoadRun, RunHead, ScrapeSample
from zepguard.load.stages import Measure, Stage, load_stages
from zepguard.load.verdicts import Figure, Unknown
from zepguard.parts import PartMissing
from zepguard.parts.prometheus import PROMETHEUS, PROMTOOL, find_tool

STAGES = load_stages()
OPEN_S = 'circuit_open_seconds_total{component="zep"}'
PROBES = 'memory_zep_probes_total{result="%s"}'
BREAKER, PROBE, FORCED = Measure.BREAKER_OPEN_SHARE, Measure.PROBE_SUCCESS_RATE, Measure.FORCED_WRITE_ONLY


@pytest.fixture(autouse=True)
def _tools() -> None:
    for tool in (PROMETHEUS, PROMTOOL):
        if find_tool(tool) is None:
            pytest.skip(f"{tool.name} is not here: {tool.remedy}")


def run(*scrapes: dict[str, float]) -> LoadRun:
    """Scraped every ten seconds from the fifth on."""
    head = RunHead(
        stage="rollback",
        mode="read_write",
        users=1,
        rate_per_s=1,
        duration_s=60,
        warm_up_s=5,
        share=0.5,
        turns_in_chat=4,
        seed=1,
        began_at=0,
    )
    taken = tuple(ScrapeSample(at_s=5 + 10 * number, series=one) for number, one in enumerate(scrapes))
    return LoadRun(head=head, turns=(), scrapes=taken, end=End(at_s=65, due=0, interrupted=False))


def of_all() -> Stage:
    """A stage with each limit that is asked for."""
    named = {limit.measure: limit for stage in STAGES.values() for limit in stage.limits}
    return replace(STAGES["rollback"], limits=(named[BREAKER], named[PROBE], named[FORCED]))


def mode(forced: bool) -> dict[str, float]:
    found = {f'memory_mode_base_gauge{{mode="{one}"}}': float(one == "read_write") for one in ("read_write", "off")}
    found['memory_mode_base_gauge{mode="write_only"}'] = 0.0
    effective = "write_only" if forced else "read_write"
    for one in ("off", "write_only", "read_write"):
        found[f'memory_mode_gauge{{mode="{one}"}}'] = float(one == effective)
    return found


def test_each_is_what_the_expression_says() -> None:
    scrapes = [
        {
            OPEN_S: 100 + 2.0 * number,
            PROBES % "succeeded": 9.0 * number,
            PROBES % "failed": 1.0 * number,
            **mode(number == 3),
        }
        for number in range(7)
    ]
    found = ask(run(*scrapes), of_all())
    breaker, probe, forced = (found[one] for one in (BREAKER, PROBE, FORCED))
    assert isinstance(breaker, Figure)
    assert isinstance(probe, Figure)
    assert isinstance(forced, Figure)
    assert breaker.value == pytest.approx(0.2, abs=0.01)
    assert breaker.asked == 'max(rate(circuit_open_seconds_total{component="zep"}[60000ms]))'
    assert (probe.value, probe.samples) == (pytest.approx(0.9), pytest.approx(60, abs=1))
    assert forced.says == "forced in 1 of 7 scrapes"


def test_what_was_born_in_the_run_counts_from_nothing() -> None:
    found = ask(run(mode(False), {**mode(False), PROBES % "succeeded": 2.0}), of_all())[PROBE]
    assert isinstance(found, Figure)
    assert found.value == 1


@pytest.mark.parametrize("scrapes", [[], [{}], [{}, {}]])
def test_without_samples_nothing_is_said(scrapes: list[dict[str, float]]) -> None:
    found = ask(run(*scrapes), of_all())
    assert set(found) == {BREAKER, PROBE, FORCED}
    assert all(isinstance(one, Unknown) and "no samples" in one.why for one in found.values())


def test_without_a_probe_nothing_is_said_of_probes() -> None:
    scrapes = [{PROBES % "succeeded": 3.0, PROBES % "failed": 0.0}] * 3
    found = ask(run(*scrapes), of_all())[PROBE]
    assert isinstance(found, Unknown)
    assert found.why == "no samples: no probe was sent"


def test_a_stage_without_such_a_limit_asks_nobody_and_without_prometheus_it_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(tool: object) -> None:
        raise PartMissing("promtool", "is not here", "install prometheus")

    monkeypatch.setattr("zepguard.prometheus.blocks.obtain_tool", missing)
    assert ask(run(mode(False), mode(False)), STAGES["canary"]) == {}
    found = ask(run(mode(False), mode(False)), of_all())[FORCED]
    assert isinstance(found, Unknown)
    assert "install prometheus" in found.why
