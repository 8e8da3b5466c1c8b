"""What the chat app counts, served together with the guard's metrics. No labels: the two counters are divided."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from guard.metrics import REGISTRY

__all__ = ["AGENT_LATENCY", "CHAT_TURNS", "ERRORS", "count_turn"]

_EDGES_S = (
    *(0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04, 0.045),
    *(ms / 1000 for ms in range(50, 1501, 25)),
    *(1.75, 2.0, 2.5, 3.0, 4.0, 5.0, 7.5, 10.0),
)
"""At most 25 ms apart from 50 ms to 1.5 s: a p95 within 100 ms of a baseline cannot be seen through wider ones."""

AGENT_LATENCY = Histogram(
    "agent_latency_seconds",
    "Time to first byte: last byte of the request received to the first token (JSON: the body) sent.",
    buckets=_EDGES_S,
    registry=REGISTRY,
)
CHAT_TURNS = Counter("chat_turns", "Turns that ended, well or not; refused requests are none.", registry=REGISTRY)
ERRORS = Counter("error_rate", "Turns that ended in a 5xx, a cut stream or the apology reply.", registry=REGISTRY)


def count_turn(*, failed: bool) -> None:
    """Count a turn that ended."""
    CHAT_TURNS.inc()
    if failed:
        ERRORS.inc()
