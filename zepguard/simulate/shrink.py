"""Leave out what a finding does not need: delta debugging over the items of a plan."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from zepguard.simulate.plan import Item
from zepguard.simulate.run import Outcome, simulate

__all__ = ["RUNS_MAX", "shrink"]

RUNS_MAX = 150
"""A plan is tried in so many smaller forms at most."""


def shrink(outcome: Outcome, *, tried: Callable[[int, int], None] = lambda runs, items: None) -> Outcome:
    """Give a run with fewer items in which the same checker finds something.

    Args:
        outcome: a run with findings.
        tried: told after each try of the number of tries, and of the items that are left.
    """
    return _Shrinking(outcome, tried).run()


class _Shrinking:
    def __init__(self, outcome: Outcome, tried: Callable[[int, int], None]) -> None:
        self._best = outcome
        self._checker = outcome.findings[0].checker
        self._tried = tried
        self._runs = 0

    def run(self) -> Outcome:
        parts = 2
        while self._runs < RUNS_MAX and len(self._items) > 1:
            if self._one_part_less(parts):
                parts = max(parts - 1, 2)
            elif parts >= len(self._items):
                break
            else:
                parts = min(parts * 2, len(self._items))
        return self._best

    @property
    def _items(self) -> tuple[Item, ...]:
        return self._best.plan.items

    def _one_part_less(self, parts: int) -> bool:
        items = self._items
        bounds = [len(items) * number // parts for number in range(parts + 1)]
        for first, last in pairwise(bounds):
            if first < last and self._runs < RUNS_MAX and self._still_found(items[:first] + items[last:]):
                return True
        return False

    def _still_found(self, items: tuple[Item, ...]) -> bool:
        self._runs += 1
        outcome = simulate(self._best.plan.with_items(items), to_the_end=False)
        found = bool(outcome.findings) and outcome.findings[0].checker == self._checker
        if found:
            self._best = outcome
        self._tried(self._runs, len(self._items))
        return found
