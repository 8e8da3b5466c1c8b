"""The outbox's depth as metrics, read from its table at each scrape: one truth, however many processes deliver."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from guard.logs import get_logger
from guard.outbox.rows import OutboxRows

__all__ = ["OutboxCollector"]


class OutboxCollector(Collector):
    """Exports ``memory_outbox_depth``, ``memory_outbox_oldest_age_seconds`` and ``memory_outbox_dead_letters``.

    Args:
        rows: the table.
        clock: gives unix seconds; by default ``time.time`` as it is when the collector is made.
    """

    def __init__(self, rows: OutboxRows, *, clock: Callable[[], float] | None = None) -> None:
        self._rows = rows
        self._clock = clock or time.time

    def collect(self) -> Iterator[Metric]:
        """Count once and give the families; none while the database is away, so that no 0 is taken for the truth."""
        try:
            counts = self._rows.counts()
        except Exception as error:  # the driver's own, of whichever database; the other metrics are served all the same
            get_logger("guard.outbox").error("outbox_not_counted", error=type(error).__name__)
            return
        age_s = 0.0 if counts.oldest is None else max(0.0, self._clock() - counts.oldest)
        yield GaugeMetricFamily("memory_outbox_depth", "Messages accepted that Zep does not have yet.", counts.depth)
        yield GaugeMetricFamily(
            "memory_outbox_oldest_age_seconds", "Age of the oldest of them, 0 if there is none.", age_s
        )
        yield GaugeMetricFamily("memory_outbox_dead_letters", "Messages that Zep refused for good.", counts.dead)
