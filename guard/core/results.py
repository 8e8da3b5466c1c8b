"""What a read gives back: the text and why, never just an empty string."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from guard.core.modes import Mode

__all__ = ["ContextResult", "ContextStatus"]


class ContextStatus(StrEnum):
    """Where the context came from, or why there is none."""

    FRESH = "fresh"
    CACHED = "cached"
    STALE = "stale"
    EMPTY = "empty"  # Zep answered: nothing is known
    SKIPPED = "skipped"  # the mode, the breaker or the bulkhead says no
    NEGATIVE = "negative"  # this thread's last read failed, or Zep asked for a pause
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class ContextResult:
    """Context for one turn.

    Attributes:
        text: the context block, or ``""``.
        status: where it came from, or why there is none.
        mode: effective mode after the read.
        detail: more of the why: an outcome (``timeout``), a reason (``auth``), ``breaker_open``, ``negative``...
        latency_s: seconds that the call to Zep took; None if none was sent.
    """

    text: str = ""
    status: ContextStatus
    mode: Mode
    detail: str = ""
    latency_s: float | None = None

    @property
    def used(self) -> bool:
        """Whether there is memory to answer with."""
        return bool(self.text)
