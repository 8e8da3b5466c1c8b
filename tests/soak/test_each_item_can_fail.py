"""For each item: a short soak of the product as it is meets it, and one of a product or a Zep that is broken does not.

The soaks of these tests are an hour or two long, not days: what they break shows within one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import guard.metrics.fleet
import zepguard.soak.weather
from guard.core import admission
from guard.core.events import Force
from guard.core.modes import Mode, Reason
from guard.core.record import Record
from guard.service import MemoryService
from guard.telemetry import Telemetry
from guard.zep import operations
from zepguard.prometheus.verdict import Verdict
from zepguard.soak.scenarios import SCENARIOS, Incident, IncidentKind, Noise, Scenario
from zepguard.soak.session import Judged

pytestmark = [pytest.mark.stack, pytest.mark.nightly]

MINUTE_S = 60.0


def incident(kind: IncidentKind) -> Incident:
    return Incident(kind=kind, at_h=0.25, lasts_min=12)


OUTAGE = incident(IncidentKind.OUTAGE)
ROTATION = incident(IncidentKind.KEY_ROTATION)


def short(name: str, hours: float, *incidents: Incident) -> Scenario:
    return replace(SCENARIOS[name], hours=hours, message_every_s=30, incidents=incidents)


SHORT: dict[str, Scenario] = {
    "soak": short("soak", 1),
    "canary": short("canary", 2, ROTATION),
    "full": short("full", 1),
    "week": short("week", 1, ROTATION),  # which is refused at once: an outage's timeouts are a day's p95 in one hour
    "month": short("month", 2, OUTAGE),
}
Held = Callable[..., Judged]


def verdicts(judged: Judged) -> dict[str, Verdict]:
    return {one.item: one.verdict for one in judged.findings}


def downgrade(service: MemoryService) -> None:
    """What a guard does that takes fright for no reason."""
    service.store().apply(Force(reason=Reason.CONSECUTIVE_FAILURES, ttl_s=300, operator=False))


@pytest.mark.parametrize("name", SHORT)
def test_the_product_as_it_is_meets_every_item(held: Held, name: str) -> None:
    judged = held(SHORT[name])
    assert set(verdicts(judged)) == set(SCENARIOS[name].items)
    assert set(verdicts(judged).values()) == {Verdict.MET}, [one.why for one in judged.findings]
    assert judged.verdict is Verdict.MET
    assert judged.story.undelivered == 0


@pytest.mark.parametrize(
    ("name", "item"),
    [
        ("soak", "soak-downgrades"),
        ("canary", "canary-downgrades"),
        ("full", "full-downgrades"),
        ("week", "week1-downgrades"),
    ],
)
def test_a_spontaneous_downgrade(held: Held, name: str, item: str) -> None:
    judged = held(SHORT[name], meanwhile={(SHORT[name].hours * 60 - 10) * MINUTE_S: downgrade})
    assert verdicts(judged)[item] is Verdict.MISSED
    assert judged.verdict is Verdict.MISSED


def test_failing_writes(held: Held) -> None:
    judged = held(SHORT["soak"], noise=Noise(write_failures=0.015))
    assert verdicts(judged)["soak-writes"] is Verdict.MISSED
    assert verdicts(judged)["soak-dashboard"] is Verdict.MISSED
    assert verdicts(judged)["soak-downgrades"] is Verdict.MET


def test_a_breaker_that_opens(held: Held) -> None:
    judged = held(replace(SHORT["soak"], incidents=(OUTAGE,)))
    assert verdicts(judged)["soak-breaker"] is Verdict.MISSED


def test_reads_in_write_only(held: Held) -> None:
    judged = held(SHORT["soak"], variables={"FLAG_ZEP_READ": "true"})
    assert verdicts(judged)["soak-dashboard"] is Verdict.MISSED


@pytest.mark.parametrize("name", ["week", "month"])
def test_an_outage_without_a_downgrade(held: Held, name: str) -> None:
    judged = held(
        replace(SHORT[name], incidents=(OUTAGE,)),
        variables={
            "ZEPGUARD_FAILURE_THRESHOLD": "1000",
            "ZEPGUARD_TREND_FAILURES": "1",
            "ZEPGUARD_TREND_LATENCY_MS": "10000",
        },
    )
    item = {"week": "week1-downgrades", "month": "month1-downgrades"}[name]
    assert verdicts(judged)[item] is Verdict.MISSED


def test_slow_reads(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zepguard.soak.weather, "_USUAL_S", (0.2, 0.29))
    assert verdicts(held(SHORT["week"]))["week1-read-p95"] is Verdict.MISSED


def test_a_gauge_that_never_goes_back(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    true, seen = admission.effective_mode, set[Mode]()

    def stuck(base: Mode, record: Record) -> Mode:
        seen.add(true(base, record))
        return min(seen, key=list(Mode).index)

    monkeypatch.setattr(guard.metrics.fleet, "effective_mode", stuck)
    judged = held(SHORT["week"])
    assert verdicts(judged)["week1-gauge"] is Verdict.MISSED
    assert verdicts(judged)["week1-downgrades"] is Verdict.MET


def test_a_downgrade_that_is_not_logged(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Telemetry, "_transition", lambda self, transition: None)
    assert verdicts(held(SHORT["month"]))["month1-downgrades"] is Verdict.MISSED


def test_probes_that_fail_while_zep_is_healthy(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    known, broken = operations._known, [False]

    def misread(answer: Any) -> Any:
        if broken[0] and hasattr(answer, "context"):
            raise operations.WrongShape("a guard that takes a good answer for none")
        return known(answer)

    monkeypatch.setattr(operations, "_known", misread)
    ends_s = (OUTAGE.at_h * 60 + OUTAGE.lasts_min) * MINUTE_S
    switch: dict[float, Callable[[MemoryService], None]] = {
        ends_s - MINUTE_S: lambda service: broken.__setitem__(0, True),
        ends_s + 30 * MINUTE_S: lambda service: broken.__setitem__(0, False),
    }
    assert verdicts(held(SHORT["month"], meanwhile=switch))["month1-probes"] is Verdict.MISSED


def test_no_cache(held: Held) -> None:
    judged = held(SHORT["month"], variables={"ZEPGUARD_CACHE_FRESH_S": "0", "ZEPGUARD_CACHE_STALE_S": "0.01"})
    assert verdicts(judged)["month1-cache"] is Verdict.MISSED


def test_nobody_chats(held: Held) -> None:
    judged = held(SHORT["soak"], idle=True)
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert set(verdicts(judged).values()) == {Verdict.INCONCLUSIVE}


@pytest.mark.parametrize("name", ["canary", "full", "week", "month"])
def test_nobody_chats_with_reads_either(held: Held, name: str) -> None:
    judged = held(SHORT[name], idle=True)
    assert judged.verdict is Verdict.INCONCLUSIVE
