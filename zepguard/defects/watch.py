"""A pytest plugin that puts gates into an order, tells what came of each, and stops at the first red one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pytest

from zepguard.worlds.world import WorldError

__all__ = ["Outcome", "Watch"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of one gate.

    ``status`` is ``passed``; ``red``: an assertion of the gate failed; ``broke``: something else was raised, so that
    nobody knows what the gate would have seen; or ``void``: the world or a part did not do what it should.
    """

    gate: str
    status: str
    problem: str
    took_s: float

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


class Watch:
    """Watches one session.

    Args:
        first: gates to run first, in this order, by name or by tag (``@item``); the others follow as they come.
        until_red: stop at the first red one.
        tell: called with each outcome.
        leave_out: gates that are not run.
        only: gates that are run, and no other; all if None.
    """

    def __init__(
        self,
        *,
        first: Sequence[str],
        until_red: bool,
        tell: Callable[[Outcome], None],
        leave_out: Sequence[str] = (),
        only: Sequence[str] | None = None,
    ) -> None:
        self._place = {name: number for number, name in enumerate(first)}
        self._until_red = until_red
        self._tell = tell
        self._leave_out = frozenset(leave_out)
        self._only = None if only is None else frozenset(only)
        self._found: tuple[str, str] | None = None
        self._step = self._void_after = ""

    def note(self, *, step: str = "", void: str = "") -> None:
        """Take what the drills' own plugin knows of a scenario: the step that failed, and why the world is void."""
        self._step, self._void_after = step, void

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put them into the order asked for."""
        items[:] = [item for item in items if self._wanted(gate_of(item))]
        items.sort(key=lambda item: self._place_of(gate_of(item)))

    def _wanted(self, gate: str) -> bool:
        return gate not in self._leave_out and (self._only is None or gate in self._only)

    def _place_of(self, gate: str) -> int:
        names = (gate, *(word for word in gate.split() if word.startswith("@")))
        return min((self._place[name] for name in names if name in self._place), default=len(self._place))

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Frame one gate."""
        self._found, began = None, _now_s()
        self.note()
        yield
        status, problem = self._found or (("void", self._void_after) if self._void_after else ("passed", ""))
        self._tell(
            Outcome(
                gate=gate_of(item),
                status=status,
                problem=f"{self._step}: {problem}" if self._step else problem,
                took_s=round(_now_s() - began, 2),
            )
        )
        if status == "red" and self._until_red:
            item.session.shouldstop = "the first red gate"

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
        """Note the first thing that was raised."""
        yield
        if call.excinfo is not None and self._found is None:
            self._found = (_status(call.excinfo), _first_line(str(call.excinfo.value)) or call.excinfo.typename)


def _now_s() -> float:
    """Real seconds: world sim has all other clocks stand still."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def _status(raised: pytest.ExceptionInfo[BaseException]) -> str:
    if raised.errisinstance((WorldError, pytest.skip.Exception)):
        return "void"
    # A series that is not served is an answer of the product: a gate that asked for it has seen that.
    if raised.errisinstance(KeyError) and "no series" in str(raised.value):
        return "red"
    return "red" if raised.errisinstance((AssertionError, pytest.fail.Exception)) else "broke"


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:200]


def gate_of(item: pytest.Item) -> str:
    """A scenario by its checklist ids and name, a check by its file and name."""
    ids = sorted(str(mark.args[0]) for mark in item.iter_markers("checklist"))
    if not ids:
        return item.nodeid
    told = str(getattr(getattr(item, "function", None), "__doc__", "") or item.name)  # pytest-bdd: "feature: scenario"
    return f"{' '.join(f'@{one}' for one in ids)} {told.partition(': ')[2] or told}"
