"""Downgrades on a trend: reads that are slow, or fail, for minutes on end (checklist, rollback plan).

    Read latency p95 > 300ms for 15m        -> read_latency
    Context failure rate > 10% for 10m      -> failure_rate

The fleet's reads are counted by the minute, in the record. p95 is over a bound when more than a twentieth of the reads
are, so no latency is kept. "For 15 minutes" means in each five minutes of them, and in the first and the last one with
reads: a bad spell of seven minutes reaches into three spans of five, and is none of fifteen.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

from guard.core.modes import Reason

__all__ = [
    "FAILURE_MINUTES",
    "LATENCY_MINUTES",
    "NO_TREND",
    "TREND_POLICY",
    "Minute",
    "Trend",
    "TrendPolicy",
    "counted",
    "reason_for",
]

LATENCY_MINUTES = 15
FAILURE_MINUTES = 10
SPAN_MINUTES = 5
_SLOW_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Minute:
    """The reads of one minute of the store's clock."""

    at: int
    reads: int = 0
    slow: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Trend:
    """The last minutes, oldest first, and when counting began (unix seconds; 0 before the first read)."""

    since: float = 0.0
    minutes: tuple[Minute, ...] = ()


NO_TREND = Trend()


@dataclass(frozen=True, kw_only=True, slots=True)
class TrendPolicy:
    """Bounds of the trends. ``minute_s`` is 60 but where time is scaled; ``slow_s`` in seconds."""

    minute_s: float = 60.0
    slow_s: float = 0.3
    failure_ratio: float = 0.1
    reads_min: int = 50


TREND_POLICY = TrendPolicy()


def counted(trend: Trend, now: float, *, slow: bool, failed: bool, policy: TrendPolicy) -> Trend:
    """Count one read at ``now`` (unix seconds); starts anew if the clock was set back."""
    at = floor(now / policy.minute_s)
    kept = [minute for minute in trend.minutes if at - LATENCY_MINUTES < minute.at]
    if any(minute.at > at for minute in kept) or not trend.since:
        trend, kept = Trend(since=now), []
    last = kept.pop() if kept and kept[-1].at == at else Minute(at)
    kept.append(Minute(at, last.reads + 1, last.slow + slow, last.failed + failed))
    return Trend(since=trend.since, minutes=tuple(kept))


def reason_for(trend: Trend, now: float, policy: TrendPolicy) -> Reason | None:
    """The reason to downgrade that the trend gives at ``now``, if any."""
    at = floor(now / policy.minute_s)
    age_s = now - trend.since
    slow = [(at - m.at, m.reads, m.slow) for m in trend.minutes]
    if age_s >= LATENCY_MINUTES * policy.minute_s and _over(slow, LATENCY_MINUTES, _SLOW_SHARE, policy.reads_min):
        return Reason.READ_LATENCY
    failed = [(at - m.at, m.reads, m.failed) for m in trend.minutes]
    if age_s >= FAILURE_MINUTES * policy.minute_s and _over(
        failed, FAILURE_MINUTES, policy.failure_ratio, policy.reads_min
    ):
        return Reason.FAILURE_RATE
    return None


def _over(minutes: list[tuple[int, int, int]], window: int, share: float, reads_min: int) -> bool:
    """Whether the share is exceeded from one end of the window to the other.

    ``minutes`` are (how long ago, reads, bad ones), oldest first.
    """
    inside = [minute for minute in minutes if minute[0] < window]
    spans = [[0, 0] for _ in range(window // SPAN_MINUTES)]
    for ago, some, wrong in inside:
        span = spans[ago // SPAN_MINUTES]
        span[0] += some
        span[1] += wrong
    if sum(reads for reads, _ in spans) < reads_min:
        return False
    ends = [list(minute[1:]) for minute in (inside[0], inside[-1])]
    return all(bad > share * reads for reads, bad in (*spans, *ends))
