"""The nearest rank, against its definition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zepguard.load.percentile import nearest_rank, rank_of

samples = st.lists(st.floats(allow_nan=False), min_size=1)
percents = st.integers(min_value=1, max_value=100)


@given(samples, percents)
def test_it_is_the_least_sample_with_so_many_at_or_below_it(values: list[float], percent: int) -> None:
    found = nearest_rank(values, percent)
    enough = [one for one in values if 100 * sum(other <= one for other in values) >= percent * len(values)]
    assert found == min(enough)


@given(samples, percents, st.randoms())
def test_the_order_of_samples_does_not_matter(values: list[float], percent: int, random: object) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert nearest_rank(shuffled, percent) == nearest_rank(values, percent)


@given(st.integers(min_value=1, max_value=10**9), percents)
def test_a_rank_is_one_of_the_samples(count: int, percent: int) -> None:
    assert 1 <= rank_of(count, percent) <= count


@pytest.mark.parametrize(("count", "rank"), [(1, 1), (19, 19), (20, 19), (60, 57), (100, 95), (101, 96)])
def test_the_95th(count: int, rank: int) -> None:
    assert rank_of(count, 95) == rank


@pytest.mark.parametrize(("values", "percent"), [([], 95), ([1.0], 0), ([1.0], 101)])
def test_what_has_no_percentile_is_refused(values: list[float], percent: int) -> None:
    with pytest.raises(ValueError, match="percentile"):
        nearest_rank(values, percent)
