"""Modes, the reasons for a forced mode, and the bounds of a hold."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from guard.errors import HoldOutOfRange, UnknownReason

__all__ = [
    "AUTOMATIC_REASONS",
    "BREAKER_THRESHOLD",
    "FAILURE_THRESHOLD",
    "HOLD_S",
    "TTL_MAX_S",
    "TTL_MIN_S",
    "WITNESSES_MAX",
    "Mode",
    "Reason",
    "check_ttl_s",
    "lowest",
    "parse_reason",
]

HOLD_S = 300.0
"""How long a downgrade holds, seconds (checklist, drill 4: ``remaining=~300s``)."""

TTL_MIN_S = 1.0
TTL_MAX_S = 86_400.0

FAILURE_THRESHOLD = 3
"""Consecutive failed reads that downgrade (checklist, drill 5)."""

BREAKER_THRESHOLD = 3
"""Failures in a row that open a breaker."""

WITNESSES_MAX = 16
"""So many distinct workers behind a count of failures are remembered; the setting cannot ask for more."""


class Mode(StrEnum):
    """What the memory service may do; later members may do more."""

    OFF = "off"
    WRITE_ONLY = "write_only"
    READ_WRITE = "read_write"

    @property
    def reads(self) -> bool:
        """Whether context may be read from Zep."""
        return self is Mode.READ_WRITE

    @property
    def writes(self) -> bool:
        """Whether messages may be delivered to Zep."""
        return self is not Mode.OFF


_RANK = {mode: rank for rank, mode in enumerate(Mode)}


def lowest(modes: Iterable[Mode]) -> Mode:
    """Return the mode that allows least; effective mode is the lowest of base and forced."""
    return min(modes, key=_RANK.__getitem__)


class Reason(StrEnum):
    """Why the mode is forced to ``write_only``."""

    AUTH = "auth"
    CONSECUTIVE_FAILURES = "consecutive_failures"
    PROBE_FAILED = "probe_failed"
    MANUAL = "manual"
    ROLLBACK = "rollback"
    READ_LATENCY = "read_latency"
    FAILURE_RATE = "failure_rate"


AUTOMATIC_REASONS = (
    Reason.AUTH,
    Reason.CONSECUTIVE_FAILURES,
    Reason.PROBE_FAILED,
    Reason.READ_LATENCY,
    Reason.FAILURE_RATE,
)
"""Reasons that the guard itself gives; they label ``memory_zep_downgrades_total``."""


def parse_reason(text: str) -> Reason:
    """Turn ``text`` into a reason.

    Raises:
        UnknownReason: with the value and the ones that exist.
    """
    try:
        return Reason(text)
    except ValueError:
        known = ", ".join(Reason)
        raise UnknownReason(f"unknown reason {text!r}: use one of {known}") from None


def check_ttl_s(ttl_s: float) -> float:
    """Return ``ttl_s`` (seconds) if a hold may last that long.

    Raises:
        HoldOutOfRange: outside 1 s to 24 h, or not a number.
    """
    if not TTL_MIN_S <= ttl_s <= TTL_MAX_S:
        raise HoldOutOfRange(f"a hold of {ttl_s:g} s is refused: choose {TTL_MIN_S:g} to {TTL_MAX_S:g} s (24 h)")
    return float(ttl_s)
