"""Minutes become seconds, and short gaps stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zepguard.time_scale import check_time_scale, scaled

SECONDS = st.floats(0, 100_000)
SCALES = st.floats(1, 10_000)


@pytest.mark.parametrize(
    ("seconds", "scale", "becomes"),
    [(300, 60, 5), (300, 1, 300), (300, 10, 30), (30, 60, 5), (10, 60, 10), (2, 60, 2), (0, 60, 0), (3600, 60, 60)],
)
def test_the_times_of_the_checklist(seconds: float, scale: float, becomes: float) -> None:
    assert scaled(seconds, scale) == becomes


@given(SECONDS)
def test_real_time_is_real(seconds: float) -> None:
    assert scaled(seconds, 1) == seconds


@given(SECONDS, SCALES)
def test_nothing_gets_longer_and_no_wait_shorter_than_five_seconds(seconds: float, scale: float) -> None:
    assert min(seconds, 5) <= scaled(seconds, scale) <= seconds


@pytest.mark.parametrize("scale", [0, 0.5, -1, float("nan"), float("inf"), 10_001])
def test_a_scale_that_is_none_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match="time scale"):
        check_time_scale(scale)
