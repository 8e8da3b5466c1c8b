"""Depth, age and dead letters, as a scrape sees them."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

from guard.outbox.collector import OutboxCollector
from guard.outbox.rows import Counts


class Counted:
    """A table of which only the counts are known."""

    def __init__(self, *answers: Any) -> None:
        self._answers = iter(answers)

    def counts(self) -> Counts:
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def scrape(rows: Any) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(OutboxCollector(rows, clock=lambda: 1000.0))
    lines = generate_latest(registry).decode().splitlines()
    return {name: float(value) for name, value in (line.split(" ") for line in lines if not line.startswith("#"))}


def test_a_scrape_tells_depth_age_and_dead_letters() -> None:
    assert scrape(Counted(Counts(pending=3, sending=2, dead=4, oldest=990.5))) == {
        "memory_outbox_depth": 5,
        "memory_outbox_oldest_age_seconds": 9.5,
        "memory_outbox_dead_letters": 4,
    }


def test_an_empty_outbox_has_no_age_and_a_clock_behind_the_databases_gives_none_below_0() -> None:
    assert scrape(Counted(Counts(pending=0, sending=0, dead=0, oldest=None)))["memory_outbox_oldest_age_seconds"] == 0
    assert scrape(Counted(Counts(pending=1, sending=0, dead=0, oldest=1001)))["memory_outbox_oldest_age_seconds"] == 0


def test_a_database_that_is_away_gives_no_figure_and_no_error() -> None:
    assert scrape(Counted(OSError("away"))) == {}


def test_each_table_is_counted(outbox: Any) -> None:
    outbox.accept("a", "0", "1")
    assert scrape(outbox.rows)["memory_outbox_depth"] == 2
