"""``loadtests/stages.toml`` (minutes) and ``prometheus/budgets.toml`` (hours and days) say the same numbers."""

from __future__ import annotations

import pytest

from zepguard.load.stages import Bound, Measure, load_stages
from zepguard.prometheus.budgets import Budget, read_budgets

BOUND = {
    ("criterion", "<"): Bound.BELOW,
    ("criterion", ">"): Bound.ABOVE,
    ("criterion", "=="): Bound.AT_MOST,
    ("trigger", ">"): Bound.AT_MOST,
}
IN_MS = {Measure.READ_P95_MS, Measure.TTFB_P95_DELTA_MS}
BUDGETS = [pytest.param(one, id=one.item) for one in read_budgets()]


@pytest.mark.parametrize("budget", BUDGETS)
def test_an_item_in_both_has_one_number(budget: Budget) -> None:
    stage = load_stages()[budget.stage]
    limits = [limit for limit in stage.limits if limit.item == budget.item]
    scales = [1000 if limit.measure in IN_MS else 1 for limit in limits]
    assert [(limit.bound, limit.number / scale) for limit, scale in zip(limits, scales, strict=True)] == [
        (BOUND[budget.kind, budget.compared], budget.limit)
    ]
