"""What simulations found, each in its smallest form."""

from guard.core.events import Policy
from guard.core.modes import Mode
from guard.engine import Ask, Engine
from guard.sight import REFRESH_S_MAX, VIEW_AGE_S_MAX
from guard.store import MemoryStore


def test_a_view_of_long_ago_is_not_used_while_another_call_refreshes_it() -> None:
    """Seed 117, first plan: of two turns at once after a quiet time, the second read Zep although the mode was forced."""
    now = 0.0
    store = MemoryStore(Policy(), clock=lambda: now)
    engine = Engine(Mode.READ_WRITE, Policy(), worker="w", monotonic=lambda: now, wall=lambda: now)
    first = engine.look()
    asked = next(first)
    assert isinstance(asked, Ask)
    try:
        first.send(asked.ask(store))
    except StopIteration as seen:
        assert seen.value is Mode.READ_WRITE

    now = VIEW_AGE_S_MAX + 100.0
    refreshing, other = engine.look(), engine.look()
    assert isinstance(next(refreshing), Ask)
    assert isinstance(next(other), Ask)

    now += 0.001
    busy = Engine(Mode.READ_WRITE, Policy(), worker="w", monotonic=lambda: now, wall=lambda: now)
    one = busy.look()
    try:
        one.send(next(one).ask(store))  # type: ignore[union-attr]
    except StopIteration:
        pass
    now += VIEW_AGE_S_MAX + REFRESH_S_MAX / 2
    refreshing, other = busy.look(), busy.look()
    assert isinstance(next(refreshing), Ask)
    assert next(other, None) is None  # goes on at once, with a view that is only just too old
