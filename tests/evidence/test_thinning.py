"""Fewer marks, and no peak lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from zepguard.evidence import Lane, Mark
from zepguard.evidence.thinning import thinned

SECONDS = st.floats(0, 1e6)
MARKS = st.builds(Mark, at=SECONDS, lane=st.just(Lane.LATENCY), label=st.just("turn"), value=SECONDS)


@given(st.lists(MARKS, max_size=60), st.integers(1, 20))
def test_as_many_as_may_be_with_the_slowest_of_all_and_in_order(marks: list[Mark], most: int) -> None:
    left = thinned(marks, most=most)
    if len(marks) <= most:
        assert left == marks
        return
    assert len(left) <= most
    assert set(left) <= set(marks)
    assert max(one.value or 0 for one in left) == max(one.value or 0 for one in marks)
    assert [one.at for one in left] == sorted(one.at for one in left)


def test_each_stretch_keeps_its_own_slowest() -> None:
    marks = [Mark(at=float(n), lane=Lane.LATENCY, label="turn", value=float(n % 10)) for n in range(101)]
    assert [one.value for one in thinned(marks, most=10)] == [9.0] * 10
