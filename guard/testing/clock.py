"""A clock that stands still until a test moves it."""

from __future__ import annotations

__all__ = ["FakeClock"]


class FakeClock:
    """Monotonic seconds and unix seconds that pass only by ``advance`` and ``sleep``.

    >>> clock = FakeClock(wall=1_700_000_000)
    >>> clock.sleep(2.5)
    >>> clock.monotonic(), clock.wall()
    (2.5, 1700000002.5)
    >>> clock.set_wall(1_600_000_000)  # an administrator, or NTP
    >>> clock.monotonic(), clock.wall()
    (2.5, 1600000000.0)

    Args:
        wall: unix seconds at the start.
    """

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        self._passed = 0.0
        self._began = float(wall)

    def monotonic(self) -> float:
        """Seconds since the clock was made; never jump."""
        return self._passed

    def wall(self) -> float:
        """Unix seconds; jump by ``set_wall``."""
        return self._began + self._passed

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass.

        Raises:
            ValueError: for a negative number; ``set_wall`` is the way back.
        """
        if seconds < 0:
            raise ValueError(f"{seconds} s cannot pass: use set_wall() for a clock that is set back")
        self._passed += seconds

    def sleep(self, seconds: float) -> None:
        """Like ``time.sleep``, at once."""
        self.advance(seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Like ``asyncio.sleep``, at once."""
        self.advance(seconds)

    def set_wall(self, wall: float) -> None:
        """Set the unix seconds, and nothing else."""
        self._began = float(wall) - self._passed
