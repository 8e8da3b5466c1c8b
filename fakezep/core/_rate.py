"""The vendor's rate limit: requests per calendar minute, and its headers on answers (contract section 4)."""

import math

WINDOW_S = 60


class RateWindow:
    """Counts the requests of the running minute. The limit may be changed while it runs."""

    def __init__(self, limit_per_min: int) -> None:
        self.limit_per_min = limit_per_min
        self._minute = 0
        self._used = 0

    def admit(self, now: float) -> bool:
        """Count one request at ``now`` (unix seconds); False when the minute is used up."""
        self._turn(now)
        if self._used >= self.limit_per_min:
            return False
        self._used += 1
        return True

    def headers(self, now: float) -> tuple[tuple[str, str], ...]:
        """The four ``X-RateLimit-`` headers at ``now``; Reset is in unix seconds."""
        self._turn(now)
        return (
            ("X-RateLimit-Limit", str(self.limit_per_min)),
            ("X-RateLimit-Remaining", str(max(0, self.limit_per_min - self._used))),
            ("X-RateLimit-Reset", str((self._minute + 1) * WINDOW_S)),
            ("X-RateLimit-Increment", "1"),
        )

    def retry_after_s(self, now: float) -> int:
        """Whole seconds until the minute ends, at least 1."""
        return max(1, math.ceil((math.floor(now / WINDOW_S) + 1) * WINDOW_S - now))

    def clear(self) -> None:
        """Forget what was used."""
        self._used = 0

    def _turn(self, now: float) -> None:
        minute = math.floor(now / WINDOW_S)
        if minute != self._minute:
            self._minute, self._used = minute, 0
