"""What each process counts for itself: calls sent, failures, latencies.

Counts of transitions are not here: they stand in the record and are exported by ``guard.metrics.fleet``. Series that
are divided by one another carry the same labels (none), and all exist at 0 from the start.
"""

from __future__ import annotations

from collections.abc import Iterator
from inspect import getclosurevars
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram

from guard.core.table import Operation
from guard.forks import free_in_child

__all__ = [
    "CACHE_HITS",
    "CONTEXT_FAILURES",
    "LOCAL_DOWNGRADES",
    "NEGATIVE_HITS",
    "OUTBOX_DEAD",
    "OUTBOX_DELIVERED",
    "OUTBOX_RETRIED",
    "OUTBOX_UNKNOWN",
    "PII_REDACTIONS",
    "READ_LATENCY",
    "READ_REQUESTS",
    "REGISTRY",
    "REJECTED",
    "WRITE_FAILURES",
    "WRITE_REQUESTS",
]

REGISTRY = CollectorRegistry(auto_describe=True)
"""Where the guard's own metrics live; an app may add its own, to be served together."""

_LATENCY_EDGES_S = (
    *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.125, 0.15, 0.175, 0.2, 0.225),
    *(0.25, 0.275, 0.3, 0.35, 0.4, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 3.0, 5.0),
)
"""Edges at 250 and 300 ms: the checklist's read budgets for canary and for a downgrade."""

READ_REQUESTS = Counter("memory_zep_read_requests", "Reads of context sent to Zep.", registry=REGISTRY)
READ_LATENCY = Histogram(
    "memory_zep_read_latency_seconds",
    "Seconds that a read sent to Zep took, timed-out ones too.",
    buckets=_LATENCY_EDGES_S,
    registry=REGISTRY,
)
CONTEXT_FAILURES = Counter(
    "memory_zep_context_failures", "Reads sent to Zep that gave no usable answer.", registry=REGISTRY
)
CACHE_HITS = Counter("memory_zep_context_cache_hits", "Reads of context answered from the cache.", registry=REGISTRY)
NEGATIVE_HITS = Counter(
    "memory_zep_negative_cache_hits",
    "Reads not sent because the thread's last read failed, or Zep asked for a pause.",
    registry=REGISTRY,
)
WRITE_REQUESTS = Counter(
    "memory_zep_write_requests", "Requests of a delivery sent to Zep, each attempt.", registry=REGISTRY
)
WRITE_FAILURES = Counter(
    "memory_zep_write_failures", "Requests of a delivery that Zep did not take.", registry=REGISTRY
)

OUTBOX_DELIVERED = Counter("memory_outbox_delivered", "Messages that Zep has, found there or sent.", registry=REGISTRY)
OUTBOX_RETRIED = Counter(
    "memory_outbox_retried", "Messages put back after a failed attempt, each time.", registry=REGISTRY
)
OUTBOX_DEAD = Counter("memory_outbox_dead", "Messages that Zep refused for good: dead letters.", registry=REGISTRY)
OUTBOX_UNKNOWN = Counter(
    "memory_outbox_unknown",
    "Messages sent again because a look-up did not find them: there twice if Zep applied the first request later.",
    registry=REGISTRY,
)
PII_REDACTIONS = Counter(
    "memory_pii_redactions", "Personal data replaced before a message was kept for Zep.", ["kind"], registry=REGISTRY
)
for _kind in ("email", "phone"):
    PII_REDACTIONS.labels(_kind)

LOCAL_DOWNGRADES = Counter(
    "memory_guard_local_downgrades",
    "Downgrades that a process made alone while the guard's store was away.",
    registry=REGISTRY,
)
_rejections = Counter(
    "memory_zep_bulkhead_rejections",
    "Calls not made because as many as may be were under way in the process.",
    ["operation"],
    registry=REGISTRY,
)
REJECTED = {operation: _rejections.labels(operation) for operation in Operation}


def _locks() -> Iterator[Any]:
    """The locks of all metrics here, as prometheus-client 0.26 keeps them: it frees none in a forked child."""
    yield REGISTRY._lock
    for metric in list(REGISTRY._collector_to_names):
        yield from _own_locks(metric)
        for child in list(getattr(metric, "_metrics", {}).values()):
            yield from _own_locks(child)


def _own_locks(metric: Any) -> Iterator[Any]:
    if hasattr(metric, "_lock"):
        yield metric._lock
    values = (getattr(metric, "_value", None), getattr(metric, "_sum", None), *getattr(metric, "_buckets", ()))
    for value in values:
        if hasattr(value, "_lock"):
            yield value._lock
        elif value is not None:  # one for all, where several processes count into one folder
            yield getclosurevars(type(value).inc).nonlocals["lock"]


free_in_child(_locks)
