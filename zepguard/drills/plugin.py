"""The pytest plugin of the drills: steps, the world, and what came of each scenario.

Built on pytest-bdd's hooks alone; its attributes are private since version 9.
"""

from __future__ import annotations

import re
import reprlib
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pluggy
import pytest
from pytest_bdd.parser import Feature, Scenario, Step

from zepguard.drills.catalogue import LONG, ONLY
from zepguard.drills.checklist import checklist
from zepguard.drills.history import Historian, History
from zepguard.drills.outcome import ScenarioOutcome, StepOutcome
from zepguard.drills.select import matches
from zepguard.drills.where import runs_in
from zepguard.worlds.world import Checked, World, WorldError

__all__ = ["DrillPlugin"]


class DrillPlugin:
    """Runs the selected scenarios in one world and collects their outcomes.

    Args:
        world: where they run.
        selectors: drills, stages or checklist ids; all if empty.
        tell: called with each scenario's outcome as soon as it has one.
        keep_history: note mode and counts after each step, to compare worlds by.
        long: run scenarios with the tag ``long`` too.
    """

    def __init__(
        self,
        world: World,
        selectors: tuple[str, ...],
        tell: Callable[[ScenarioOutcome], None],
        *,
        keep_history: bool = True,
        long: bool = False,
    ) -> None:
        self._long = long
        self._world = world
        self._selectors = selectors
        self._tell = tell
        self._steps: list[StepOutcome] = []
        self._step_began = 0.0
        self._scenario: tuple[str, str, tuple[str, ...]] | None = None
        self._began = 0.0
        self._problem: tuple[str, str] | None = None
        self._keep_history = keep_history
        self._historian: Historian | None = None
        self._stopped = False
        self.outcomes: list[ScenarioOutcome] = []

    @pytest.fixture
    def world(self) -> Iterator[World]:
        """The world of this run; red at its end, too, where the guard's rules were seen to contradict one another."""
        self._world.begin(self._scenario[1] if self._scenario else "")
        self._historian = Historian(self._world) if self._keep_history else None
        yield self._world
        if isinstance(self._world, Checked):
            differences = self._world.differences()
            assert not differences, f"{len(differences)} times; first {differences[0]}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_bdd_apply_tag(self, tag: str, function: Callable[..., Any]) -> bool:
        """Tags are checklist ids, kept in a mark each, or ``long``, or name the only worlds that run the scenario."""
        marks = {LONG: pytest.mark.long, **{only: pytest.mark.only(*worlds) for only, worlds in ONLY.items()}}
        (marks.get(tag) or pytest.mark.checklist(tag))(function)
        return True

    def pytest_configure(self, config: pytest.Config) -> None:
        """Know the mark."""
        config.addinivalue_line("markers", "checklist(id): the item of the go-live checklist that this verifies")
        config.addinivalue_line("markers", "only(*worlds): runs in these worlds and in no other")
        config.addinivalue_line("markers", "long: takes a minute or more")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep what runs in this world and was selected, in the order of the checklist's stages."""
        items[:] = [item for item in items if self._runs_here(item)]
        if self._selectors:
            items[:] = [item for item in items if any(matches(s, tags_of(item)) for s in self._selectors)]
        order = {item.id: number for number, item in enumerate(checklist())}
        items.sort(key=lambda item: min((order.get(tag, len(order)) for tag in tags_of(item)), default=len(order)))

    def _runs_here(self, item: pytest.Item) -> bool:
        if not self._long and item.get_closest_marker("long") is not None:
            return False
        only = [marker.args for marker in item.iter_markers("only")]
        return runs_in(self._world.name, tags_of(item), only=only)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, pluggy.Result[object], None]:
        """Frame one scenario: begin, run, leave the world as found, tell."""
        self._steps, self._problem, self._began = [], None, time.monotonic()
        self._scenario = self._historian = None
        outcome = yield
        self._stopped = isinstance(outcome.exception, KeyboardInterrupt)
        if self._stopped:
            self._problem = self._problem or ("void", "stopped before its end")
        history = self._history()
        self._leave_as_found()
        self._conclude(item, history)
        if self._stopped:
            outcome.force_exception(_stopped())

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_sessionfinish(self) -> Generator[None, pluggy.Result[object], None]:
        """Let nothing that a stopped scenario did not come to (a receipt, a restore) hide that it was stopped."""
        outcome = yield
        if self._stopped and isinstance(outcome.exception, WorldError | AssertionError):
            outcome.force_result([])

    def _history(self) -> History | None:
        if self._historian is None or self._problem is not None:
            return None
        return self._historian.close()

    def _leave_as_found(self) -> None:
        try:
            self._world.end()
        except WorldError as error:
            self._problem = self._problem or ("void", f"the world was not left as found: {error}")

    def _conclude(self, item: pytest.Item, history: History | None) -> None:
        feature, name, _ = self._scenario or ("", item.name, ())
        status, problem = self._problem or ("passed", "")
        outcome = ScenarioOutcome(
            feature=feature,
            name=name,
            ids=tags_of(item),
            status=status,
            problem=problem,
            seen=tuple(getattr(self._world, "evidence", ())),
            steps=tuple(self._steps),
            took_s=time.monotonic() - self._began,
            history=history,
        )
        self.outcomes.append(outcome)
        self._tell(outcome)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
        """Note why a scenario did not pass."""
        yield
        if call.excinfo is None or self._problem is not None:
            return
        status = "void" if call.excinfo.errisinstance(WorldError) else "failed"
        self._problem = (status, str(call.excinfo.value) or _unsaid(call.excinfo))

    def pytest_bdd_before_scenario(self, feature: Feature, scenario: Scenario) -> None:
        """Note which scenario this is."""
        self._scenario = (feature.name, scenario.name, tuple(sorted(scenario.tags)))

    def pytest_bdd_before_step(self, step: Step) -> None:
        """Start the step's clock."""
        self._step_began = time.monotonic()

    def pytest_bdd_after_step(self, step: Step) -> None:
        """Note a step that held."""
        self._note(step, "passed")
        if self._historian is not None:
            self._historian.after_step(f"{step.keyword} {step.name}")

    def pytest_bdd_step_error(self, step: Step) -> None:
        """Note the step that did not."""
        self._note(step, "failed")

    def _note(self, step: Step, status: str) -> None:
        text = f"{step.keyword} {step.name}"
        self._steps.append(StepOutcome(text=text, status=status, took_s=time.monotonic() - self._step_began))


def _stopped() -> BaseException:
    """What ends the run as Ctrl-C does, without the traceback of the place where it came.

    Pytest prints that, and cannot where Python knows no line of it.
    """
    stopped = pytest.exit.Exception("interrupted", returncode=pytest.ExitCode.INTERRUPTED)
    stopped.__suppress_context__ = True
    return stopped


def _unsaid(failed: pytest.ExceptionInfo[BaseException]) -> str:
    """Of an error without a word: the statement, and what its names stood for."""
    last = failed.traceback[-1]
    statement = " ".join(str(last.statement).split())
    names = dict.fromkeys(re.findall(r"[A-Za-z_]\w*", statement))
    values = (f"{name} = {reprlib.repr(last.locals[name])}" for name in names if name in last.locals)
    return f"{failed.typename} at: {statement}; {', '.join(values)}".rstrip("; ")


def tags_of(item: pytest.Item) -> tuple[str, ...]:
    """The checklist ids of a scenario."""
    return tuple(sorted(str(mark.args[0]) for mark in item.iter_markers("checklist")))
