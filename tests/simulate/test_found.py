"""What simulations found, each in its smallest form."""

from typing import Any

from guard.core.events import Policy
from guard.core.modes import Mode
from guard.engine import Ask, Engine, Steps
from guard.sight import REFRESH_S_MAX, VIEW_AGE_S_MAX
from guard.store import MemoryStore


class Process:
    def __init__(self) -> None:
        self.now = 0.0
        self.store = MemoryStore(Policy(), clock=self.clock)
        self.engine = Engine(Mode.READ_WRITE, Policy(), worker="w", monotonic=self.clock, wall=self.clock)
        assert self.run(self.engine.look()) is Mode.READ_WRITE

    def clock(self) -> float:
        return self.now

    def run(self, steps: Steps[Any]) -> Any:
        answer = None
        while True:
            try:
                command = steps.send(answer)
            except StopIteration as stop:
                return stop.value
            assert isinstance(command, Ask)
            answer = command.ask(self.store)


def test_a_view_of_long_ago_is_not_used_while_another_call_refreshes_it() -> None:
    """Of two turns at once after a quiet time, the second read Zep although the mode had been forced long before."""
    process = Process()
    process.now = VIEW_AGE_S_MAX + 100.0
    refreshing, other = process.engine.look(), process.engine.look()
    assert isinstance(next(refreshing), Ask)
    assert isinstance(next(other), Ask)


def test_a_view_that_is_only_just_too_old_serves_while_another_call_refreshes_it() -> None:
    process = Process()
    process.now = VIEW_AGE_S_MAX + REFRESH_S_MAX / 2
    refreshing, other = process.engine.look(), process.engine.look()
    assert isinstance(next(refreshing), Ask)
    assert process.run(other) is Mode.READ_WRITE
