"""What ``/api/metrics/`` serves: every process's counts, dead ones' too, and the record's."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from guard.metrics import folder as multiprocess
from guard.metrics.fleet import FleetCollector
from guard.metrics.instruments import REGISTRY
from guard.service import MemoryService

__all__ = ["render"]


class _Folder(Collector):
    """All processes' files, under the folder's lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        with multiprocess.locked(self._folder, exclusive=False):
            files = multiprocess.live_files(self._folder)
            found: Iterable[Metric] = MultiProcessCollector.merge(files, accumulate=True)  # type: ignore[no-untyped-call]
            return found


def render(
    service: MemoryService, registry: CollectorRegistry = REGISTRY, *, more: Iterable[Collector] = ()
) -> tuple[bytes, str]:
    """Give the scrape's body and content type (text format 0.0.4).

    Args:
        service: whose store holds the record.
        registry: the process's own metrics, where there is no multiprocess folder.
        more: what else is read at a scrape, such as ``guard.outbox.collector.OutboxCollector``.
    """
    fleet = FleetCollector(service.patient_store, service.base_mode)
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
    scrape = CollectorRegistry()
    scrape.register(_Folder(Path(folder)) if folder else registry)
    for collector in (fleet, *more):
        scrape.register(collector)
    return generate_latest(scrape), CONTENT_TYPE_PLAIN_0_0_4
