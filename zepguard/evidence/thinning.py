"""Fewer marks of latency than were taken, and no peak lost: what days of samples leave in a timeline. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from zepguard.evidence.model import Mark

__all__ = ["thinned"]


def thinned(marks: Sequence[Mark], *, most: int = 500) -> list[Mark]:
    """The marks as they are, or of more than ``most`` the slowest of each stretch of time, in time's order."""
    if len(marks) <= most:
        return list(marks)
    began = min(one.at for one in marks)
    stretch = (max(one.at for one in marks) - began) / most or 1.0
    slowest: dict[int, Mark] = {}
    for one in marks:
        number = min(most - 1, int((one.at - began) / stretch))
        if number not in slowest or (one.value or 0.0) > (slowest[number].value or 0.0):
            slowest[number] = one
    return [slowest[number] for number in sorted(slowest)]
