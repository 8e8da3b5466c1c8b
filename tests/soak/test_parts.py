"""The parts of a soak that need no product: its noise, its traffic, its story, its text, its command line."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter

from zepguard import cli
from zepguard.cli.soak import soak
from zepguard.drills import soak_steps
from zepguard.drills.checklist import checklist
from zepguard.parts import Part, PartMissing
from zepguard.parts.commands import Progress
from zepguard.parts.prometheus import Tool
from zepguard.soak.scenarios import SCENARIOS
from zepguard.soak.scrapes import Scrapes
from zepguard.soak.story import Answer, Story, Stretch
from zepguard.soak.traffic import messages
from zepguard.soak.weather import EvenShare
from zepguard.worlds.world import WorldError


@example(share=5e-324, length=1, start=0, seed=0)
@given(share=st.floats(0, 1), length=st.integers(1, 2000), start=st.integers(0, 500), seed=st.integers(0, 2**32))
def test_a_share_is_even_in_every_stretch(share: float, length: int, start: int, seed: int) -> None:
    even = EvenShare(share, random.Random(seed))
    picked = [even.next() for _ in range(start + length)][start:]
    assert abs(sum(picked) - share * length) <= 2


@pytest.mark.parametrize("name", SCENARIOS)
def test_messages_come_in_order_as_many_as_the_scenario_says_and_in_its_time(name: str) -> None:
    scenario = SCENARIOS[name]
    said = list(messages(scenario, random.Random(1)))
    assert all(one.at <= other.at for one, other in pairwise(said))
    assert said[0].at >= 0
    assert said[-1].at < scenario.hours * 3600
    planned = scenario.hours * 3600 / scenario.message_every_s
    assert planned - 2 * scenario.turns <= len(said) <= planned
    assert said == list(messages(scenario, random.Random(1)))


def test_each_item_is_of_one_scenario_and_of_its_stage() -> None:
    stages = {item.id: item.stage for item in checklist()}
    items = [(item, one.stage) for one in SCENARIOS.values() for item in one.items]
    assert len({item for item, _ in items}) == len(items)
    assert all(stages[item] == stage for item, stage in items)


@pytest.mark.parametrize("name", SCENARIOS)
def test_incidents_are_apart_and_end_before_the_soak_does(name: str) -> None:
    scenario = SCENARIOS[name]
    edges = [edge for one in scenario.incidents for edge in (one.at_h, one.at_h + one.lasts_min / 60 + 1)]
    assert edges == sorted(edges)
    assert all(edge < scenario.hours for edge in edges)


def test_an_incident_that_the_journal_does_not_show_excuses_nothing() -> None:
    story = Story(
        began=0, ended=1000, scrape_s=30, messages=(1.0,), log=(), undelivered=0,
        troubles=(Stretch(began=100, ended=200), Stretch(began=400, ended=500)),
        answers=(Answer(at=150, good=True), Answer(at=300, good=False), Answer(at=450, good=False)),
    )  # fmt: skip
    assert story.real_troubles() == (Stretch(began=400, ended=500),)
    assert [(one.began, one.ended) for one in story.between_troubles()] == [(0, 400), (500, 1000)]


def test_scrapes_are_openmetrics_each_family_together(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    writes = Counter("writes", "Writes.", ["kind"], registry=registry)
    scrapes = Scrapes()
    for now in (60.0, 90.5):
        writes.labels("x").inc()
        scrapes.take([registry], now)
    scrapes.write(tmp_path / "text")
    assert (tmp_path / "text").read_text() == (
        "# TYPE writes counter\n"
        'writes_total{kind="x",job="chatapp",instance="soak:8000"} 1.0 60.000\n'
        'writes_total{kind="x",job="chatapp",instance="soak:8000"} 2.0 90.500\n'
        "# EOF\n"
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--write-failures", "many"], "'many' is no share"),
        (["--read-failures", "150%"], "'150%' is no share"),
        (["--hours", "0"], "between 0.1 and"),
        (["fortnight"], "fortnight"),
    ],
)
def test_what_cannot_be_is_refused_by_name(arguments: list[str], says: str) -> None:
    done = CliRunner().invoke(soak, arguments)
    assert done.exit_code == 2
    assert says in done.output


def test_a_build_of_prometheus_is_told_and_one_that_fails_ends_with_5(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def built(tool: Tool, *, on_progress: Progress) -> Part:
        on_progress(f"building {tool.name}, once ...")
        raise PartMissing(tool.name, "is not here and cannot be built", tool.remedy)

    monkeypatch.setattr("zepguard.parts.prometheus.obtain_tool", built)
    assert cli.run(["soak", "--hours", "1"]) == 5
    told = capsys.readouterr().err
    assert "building prometheus, once ..." in told
    assert "install prometheus" in told


class _World:
    def saw(self, evidence: str) -> None:
        pass


def test_an_inconclusive_item_makes_its_scenario_void_and_a_missed_one_fails_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = {"id": "soak-writes", "verdict": "inconclusive", "why": "no samples", "promql": "x"}
    monkeypatch.setattr(soak_steps, "soaked", lambda scenario: {"items": [found]})
    with pytest.raises(WorldError, match="no samples"):
        soak_steps.is_met(_World(), "soak-writes")  # type: ignore[arg-type]
    found["verdict"] = "missed"
    with pytest.raises(AssertionError):
        soak_steps.is_met(_World(), "soak-writes")  # type: ignore[arg-type]


def test_fewer_hours_than_the_scenario_asks_for_are_void(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak_steps, "soaked", lambda scenario: {"hours": 2.0, "messages": 9, "undelivered": 0})
    with pytest.raises(WorldError, match=r"2\.0 h"):
        soak_steps.has_run(_World(), "soak", "48")  # type: ignore[arg-type]
