"""How a drill's minutes become seconds: one pure function.

It applies to holds, TTLs, the outbox's longest backoff and settling time, the breaker's open time and waits. The guard
knows nothing of it: the stack sets the guard's settings, and the steps of a drill divide what they pass.
"""

from __future__ import annotations

import math

__all__ = ["SHORT_S", "check_time_scale", "scaled"]

SHORT_S = 10.0
"""Times up to here stay as they are: they are gaps between messages, not waits."""

_SHORTEST_S = 5.0
_SCALE_MAX = 10_000.0


def scaled(seconds: float, scale: float) -> float:
    """Divide a wait longer than ten seconds by ``scale``, never to less than five seconds.

    Args:
        seconds: the real time, as in the checklist.
        scale: how many times faster; 1 is real time. Checked by ``check_time_scale``.
    """
    if seconds <= SHORT_S:
        return seconds
    return max(_SHORTEST_S, seconds / scale)


def check_time_scale(scale: float) -> float:
    """Return ``scale`` as it is; raise ValueError, with the remedy, when it is no number from 1 to 10,000."""
    if not math.isfinite(scale) or not 1 <= scale <= _SCALE_MAX:
        raise ValueError(f"time scale {scale:g} is refused: give a number from 1 (real time) to {_SCALE_MAX:g}")
    return scale
