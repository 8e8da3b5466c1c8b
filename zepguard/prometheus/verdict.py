"""Three-valued: met, missed, or nobody can tell. No samples is never met."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from zepguard.prometheus.budgets import Budget

__all__ = ["Finding", "Verdict", "judge", "worst"]


class Verdict(StrEnum):
    """What came of a budget, or of a stage."""

    MET = "met"
    MISSED = "missed"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A budget's verdict, the value that decided (None: there was none), and one sentence why."""

    budget: Budget
    verdict: Verdict
    value: float | None
    why: str


def judge(budget: Budget, values: Sequence[float], *, baseline: float | None = None) -> Finding:
    """Judge one budget by all values that its expression had over the time. Pure.

    Values that are not numbers (0 of 0: no reads in that window) say nothing; where all are such, or the baseline
    that is needed is not there, it is inconclusive. Each of the others counts: one that fails a criterion, or that
    fulfils a trigger, is enough to miss. For a trigger that must last, give the values by ``min_over_time``.
    """
    told = [value for value in values if not math.isnan(value)]
    if not told:
        return Finding(budget=budget, verdict=Verdict.INCONCLUSIVE, value=None, why="no samples")
    if budget.needs_baseline and (baseline is None or math.isnan(baseline)):
        return Finding(budget=budget, verdict=Verdict.INCONCLUSIVE, value=told[-1], why="no baseline")
    must_hold = budget.kind == "criterion"
    wrong = [value for value in told if budget.holds(value, baseline=baseline or 0.0) is not must_hold]
    decided = wrong[0] if wrong else told[-1]
    verdict = Verdict.MISSED if wrong else Verdict.MET
    why = f"{len(wrong)} of {len(told)} values {'fail' if must_hold else 'reach'} {budget.compared} {_limit(budget)}"
    return Finding(budget=budget, verdict=verdict, value=decided, why=why)


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """Of all of a stage: missed before inconclusive before met; of none, inconclusive."""
    for one in (Verdict.MISSED, Verdict.INCONCLUSIVE):
        if one in verdicts or not verdicts:
            return one if verdicts else Verdict.INCONCLUSIVE
    return Verdict.MET


def _limit(budget: Budget) -> str:
    return budget.over.replace("limit", f"{budget.limit:g}") if budget.over else f"{budget.limit:g}"
