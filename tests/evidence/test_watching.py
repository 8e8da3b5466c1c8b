"""A watched world is the same world; what was seen is what was done."""

import subprocess
import sys
from contextlib import closing
from typing import Any

import pytest

from zepguard.evidence import Lane, Watch, watched
from zepguard.worlds.world import WorldError


class _World:
    """Answers as told, and notes what it was asked."""

    name = "staging"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def begin(self, scenario: str) -> None:
        if scenario == "cannot":
            raise WorldError("cannot begin")

    def end(self) -> None:
        raise WorldError("not as found")

    def __getattr__(self, name: str) -> Any:
        def answer(*_: object, **__: object) -> Any:
            self.asked.append(name)
            raise RuntimeError(name)

        return answer


def test_a_scenario_in_virtual_time_leaves_mode_fault_breaker_latency_and_log() -> None:
    from zepguard.worlds.sim import SimWorld

    with closing(SimWorld()) as sim:
        watch = Watch(sim, now=sim.now)
        world = watched(sim, watch)
        world.begin("drill 5")
        world.start_fault("black-hole")
        for number in range(3):
            world.say(f"message {number}", thread="t")
            world.wait(2)
        assert "write_only" in world.zep_mode("--status").text
        world.stop_faults()
        world.end()
    (timeline,), (log,) = watch.timelines, watch.logs
    lanes = {lane: [one for one in timeline.marks if one.lane is lane] for lane in Lane}
    assert [(one.label, one.of) for one in lanes[Lane.MODE]] == [
        ("read_write", ""),
        ("write_only", "consecutive_failures"),
    ]
    (fault,) = lanes[Lane.FAULT]
    assert fault.label == "black-hole"
    assert (fault.at, fault.until) == (timeline.began, timeline.ended)
    assert [one.value for one in lanes[Lane.LATENCY]] == [1.5, 1.5, 1.5]
    assert ("open", "read") in {(one.label, one.of) for one in lanes[Lane.BREAKER]}
    assert [one.label for one in lanes[Lane.NOTE]] == ["zep_mode --status"]
    assert "memory_mode_forced" in {one.event for one in log}
    assert all(timeline.began <= one.at <= timeline.ended for one in log if one.at)
    assert 10 < timeline.ended - timeline.began < 20
    assert watch.settings["FLAG_ZEP_READ"] == "true"


def test_a_deployed_environment_is_asked_for_its_log_alone_and_nothing_fails_for_it() -> None:
    inner: Any = _World()
    watch = Watch(inner, now=lambda: 5.0)
    world = watched(inner, watch)
    world.begin("one")
    inner.asked.clear()
    with pytest.raises(WorldError, match="not as found"):
        world.end()
    assert inner.asked == ["log_events"]
    assert [(one.title, one.began, one.ended) for one in watch.timelines] == [("one", 5.0, 5.0)]


def test_each_scenario_has_its_own_also_one_that_could_not_begin() -> None:
    inner: Any = _World()
    watch = Watch(inner, now=lambda: 5.0)
    world = watched(inner, watch)
    world.begin("one")
    with pytest.raises(WorldError):
        world.end()
    with pytest.raises(WorldError, match="cannot begin"):
        world.begin("cannot")
    with pytest.raises(WorldError):
        world.end()
    assert [one.title for one in watch.timelines] == ["one", ""]


def test_what_is_not_watched_is_passed_on() -> None:
    inner: Any = _World()
    inner.evidence = ["seen"]
    world: Any = watched(inner, Watch(inner, now=lambda: 0.0))
    assert world.evidence is inner.evidence
    assert world.name == "staging"


def test_importing_evidence_reads_no_environment_and_loads_no_framework() -> None:
    """World sim makes its own environment; what prometheus-client or Django read before would be the caller's."""
    asked = "import sys, zepguard.drills.report, zepguard.evidence; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=60)
    assert not {"prometheus_client", "django", "celery", "redis"} & set(done.stdout.split())
