"""Real seconds, for the worlds whose processes do not wait for us."""

from __future__ import annotations

import time
from collections.abc import Callable

from zepguard.time_scale import SHORT_S, scaled

__all__ = ["Progress", "RealPatience", "RealTime"]

_POLL_S = 0.1
_COUNTDOWN_EVERY_S = 10.0

Progress = Callable[[str], None]


class RealTime:
    """The checklist's seconds as this world waits them.

    Args:
        time_scale: how many times shorter the world's holds are.
        progress: told of waits over two seconds.
    """

    def __init__(self, time_scale: float, progress: Progress) -> None:
        self._time_scale = time_scale
        self._progress = progress

    def wait(self, seconds: float) -> None:
        """Sleep, scaled if over ten seconds, with a countdown."""
        left = self.held_s(seconds)
        while left > 0:
            if left > 2:
                self._progress(f"waiting, {left:.0f} s left")
            nap = min(left, _COUNTDOWN_EVERY_S)
            time.sleep(nap)
            left -= nap

    def held_s(self, seconds: float) -> float:
        """The checklist's seconds by the time scale."""
        return scaled(seconds, self._time_scale)

    def within(self, seconds: float) -> RealPatience:
        """Real seconds, at least what the scaled time is."""
        return RealPatience(max(self.held_s(seconds), min(seconds, 3 * SHORT_S)))


class RealPatience:
    """Patience that ends so many real seconds after it was made."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def left(self) -> bool:
        """Sleep a moment; whether there was time left before."""
        if time.monotonic() >= self._ends:
            return False
        time.sleep(_POLL_S)
        return True
