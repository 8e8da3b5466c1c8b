"""The exact percentile of raw samples."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["nearest_rank", "rank_of"]


def rank_of(count: int, percent: int) -> int:
    """The nearest rank, from 1: the least that has ``percent`` of 100 of ``count`` samples at or below it.

    Raises:
        ValueError: for no samples, or a percentage outside 1 to 100.
    """
    if count < 1 or not 1 <= percent <= 100:
        raise ValueError(f"the {percent}th percentile of {count} samples is refused: give 1 to 100, and a sample")
    return -(-count * percent // 100)


def nearest_rank(values: Sequence[float], percent: int) -> float:
    """The nearest-rank percentile: always one of the values, never a point between two.

    Raises:
        ValueError: as ``rank_of``.
    """
    return sorted(values)[rank_of(len(values), percent) - 1]
