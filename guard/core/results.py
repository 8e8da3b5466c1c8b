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


@dataclass(slots=True, unsafe_hash=True)  # a frozen one costs a microsecond, with each read
class ContextResult:
    """Context for one turn; not to be changed.

    Attributes:
        status: where it came from, or why there is none.
        mode: effective mode after the read.
        text: the context block, or ``""``.
        detail: more of the why: an outcome (``timeout``), a reason (``auth``), ``breaker_open``, ``negative``...
        latency_s: seconds that the call to Zep took; None if none was sent.
    """

    status: ContextStatus
    mode: Mode
    text: str = ""
    detail: str = ""
    latency_s: float | None = None

    @property
    def used(self) -> bool:
        """Whether there is memory to answer with."""
        return bool(self.text)
