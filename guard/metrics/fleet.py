"""The record's state and counts as metrics, read from the store at each scrape.

A gauge per process would be stale after an operator's command, and a count per process would be lost with it: the
record has both, raised in the same atomic step as the transition itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from guard.core.admission import effective_mode
from guard.core.modes import Mode
from guard.core.record import Record
from guard.core.worker import fleet_base
from guard.errors import StoreUnavailable
from guard.store.protocol import Store

__all__ = ["FleetCollector"]


class FleetCollector(Collector):
    """Exports the record.

    Args:
        store: gives the store.
        base: base mode of this process, for a fleet without a live worker.
    """

    def __init__(self, store: Callable[[], Store], base: Mode) -> None:
        self._store = store
        self._base = base

    def collect(self) -> Iterator[Metric]:
        """Read the store once and give the families; without it, only ``memory_guard_store_up 0``."""
        up = GaugeMetricFamily("memory_guard_store_up", "1 if the guard's store answered this scrape.")
        try:
            store = self._store()
            seen, workers = store.snapshot(), store.workers()
        except StoreUnavailable:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        base = fleet_base(workers, self._base)
        yield _one_of(
            "memory_mode_gauge", "1 for the effective mode, 0 for the others.", effective_mode(base, seen.record)
        )
        yield _one_of("memory_mode_base_gauge", "1 for the base mode (from flags), 0 for the others.", base)
        held = GaugeMetricFamily("memory_mode_operator_hold", "1 while a mode that an operator forced has time left.")
        held.add_metric([], int(seen.record.operator and seen.record.held(seen.now)))
        yield held
        yield from _counts(seen.record)
        yield _counter(
            "circuit_open_seconds",
            "Seconds with a breaker open.",
            "component",
            {"zep": seen.record.open_seconds_at(seen.now)},
        )


def _one_of(name: str, about: str, one: Mode) -> Metric:
    gauge = GaugeMetricFamily(name, about, labels=["mode"])
    for mode in Mode:
        gauge.add_metric([mode], int(mode is one))
    return gauge


def _counts(record: Record) -> Iterator[Metric]:
    yield _counter("memory_zep_downgrades", "Automatic downgrades to write_only.", "reason", record.downgrades)
    yield _counter("memory_mode_forced", "Forced modes set by an operator.", "reason", record.forced)
    yield _counter("memory_zep_probes", "Probes after a hold.", "result", record.probes)
    restores = CounterMetricFamily("memory_zep_restores", "Restores of the base mode by a probe.")
    restores.add_metric([], record.restores)
    yield restores
    yield _counter("circuit_open", "Openings of a breaker.", "component", {"zep": record.opens})


def _counter(name: str, about: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(name, about, labels=[label])
    for value in values:
        family.add_metric([value], values[value])
    return family
