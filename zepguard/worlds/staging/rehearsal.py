"""``--dry-run``: each step is run against a world that only writes down what it is asked.

So what is shown is what the steps do, and not what a table says of them. A step's checks fail there, of course; what
it would do after a failed check is not shown, and neither is how often it would ask again.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from zepguard.drills import steps
from zepguard.drills.catalogue import CataloguedScenario, CataloguedStep, catalogue
from zepguard.drills.phrases import PHRASES, Phrase
from zepguard.drills.select import matches
from zepguard.drills.where import runs_in
from zepguard.time_scale import scaled
from zepguard.worlds.staging.config import StagingConfig
from zepguard.worlds.staging.touches import Touches
from zepguard.worlds.world import CommandResult, Metrics, StoredMessage, Turn, WorldError

__all__ = ["rehearse"]

_USER = "drill-(scenario)"
_FORMER = "(the former value)"


def rehearse(config: StagingConfig, selectors: Sequence[str]) -> Iterator[str]:
    """Tell, line by line, each step of the selected scenarios and what it would touch. Touches nothing.

    Args:
        config: the environment.
        selectors: drills, stages or checklist ids; all if empty.
    """
    touches = Touches(config)
    yield f"{config.file.name}, dry run: nothing is touched. A drill would, before the first step of each scenario,"
    yield from (f"    {line}" for line in touches.begin())
    yield "and after its last step undo what it did, and"
    yield from (f"    {line}" for line in touches.end())
    for scenario in catalogue():
        if not runs_in("staging", scenario.ids, only=scenario.only):
            continue
        if not selectors or any(matches(one, scenario.ids) for one in selectors):
            yield ""
            yield f"{scenario.feature}: {scenario.name} ({', '.join(scenario.ids)})"
            yield from _rehearsed(scenario, _RehearsalWorld(touches, config.time_scale))


def _rehearsed(scenario: CataloguedScenario, world: _RehearsalWorld) -> Iterator[str]:
    try:
        drill = steps.Drill(before=world.metrics(), processes=dict(world.processes()))
    except WorldError as error:
        yield f"  VOID: {error}"
        return
    for step in scenario.steps:
        world.begin_step()
        _run(step, world, drill)
        yield f"  {step.keyword.capitalize()} {step.text}"
        yield from (f"    {line}" for line in world.touched)


def _run(step: CataloguedStep, world: _RehearsalWorld, drill: steps.Drill) -> None:
    phrase = next(one for one in PHRASES if one.matches(step.keyword, step.text))
    told: Mapping[str, Any] = {**_arguments(phrase, step), "world": world, "drill": drill}
    try:
        phrase.act(**{name: told[name] for name in inspect.signature(phrase.act).parameters})
    except Exception:  # a check of what nobody did; what was asked before it is written down
        return


def _arguments(phrase: Phrase, step: CataloguedStep) -> Mapping[str, Any]:
    return phrase.parser.parse_arguments(step.text) or {}


class _Anything(dict[str, float]):
    """Has every series, at 0."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> float:
        return 0.0


class _NoPatience:
    def left(self) -> bool:
        """Never wait."""
        return False


class _Variables(Mapping[str, str]):
    def __init__(self, ask: Callable[[str], None]) -> None:
        self._ask = ask

    def __getitem__(self, name: str) -> str:
        self._ask(name)
        return _FORMER

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class _RehearsalWorld:
    """A ``World`` in which nothing happens; ``touched`` is what would have."""

    name = "staging"

    def __init__(self, touches: Touches, time_scale: float) -> None:
        self._touches = touches
        self._time_scale = time_scale
        self._faults: list[str] = []
        self._only_if = ""
        self.touched: list[str] = []

    def begin_step(self) -> None:
        """Forget what the step before would have touched."""
        self.touched.clear()
        self._only_if = ""

    def _note(self, lines: Iterator[str]) -> None:
        try:
            for line in lines:
                self._tell(line)
        except WorldError as error:
            self._tell(f"VOID: {error}")
            raise

    def _tell(self, line: str) -> None:
        line = self._only_if + line
        if line not in self.touched:
            self.touched.append(line)

    def begin(self, scenario: str) -> None:
        """Nothing: ``rehearse`` tells it once for all scenarios."""

    def end(self) -> None:
        """Nothing: ``rehearse`` tells it once for all scenarios."""

    def say(self, message: str, *, thread: str) -> Turn:
        """Would send it."""
        self._note(self._touches.say(_USER, self.thread_id(thread)))
        return Turn(message=message, thread=thread, status=200, reply="(none)", took_s=0.0)

    def thread_id(self, thread: str) -> str:
        """As in a drill, which adds eight random characters."""
        return f"{thread}-(scenario)"

    def variables(self) -> Mapping[str, str]:
        """Would ask for one when one is looked up."""
        return _Variables(lambda name: self._note(self._touches.get_variable(name)))

    def set_variables(self, changes: Mapping[str, str]) -> None:
        """Would set them."""
        self._note(self._touches.set_variables(changes))

    def restart_worker(self) -> None:
        """Would restart it."""
        self._note(self._touches.restart())

    def kill(self, program: str) -> None:
        """Would not: the drill is void here."""
        self._tell(f"VOID: no drill kills {program} in a deployed environment")
        raise WorldError("not in a deployed environment")

    def put_back_release_before(self) -> str:
        """Would not: the drill is void here."""
        self._tell("VOID: no drill deploys another release")
        raise WorldError("not in a deployed environment")

    def put_back_this_release(self) -> None:
        """Nothing: no other was put back."""

    def is_known_to_zep(self, text: str) -> bool:
        """Would look."""
        self._note(self._touches.journal())
        return False

    def zep_mode(self, *arguments: str) -> CommandResult:
        """Would run it."""
        self._note(self._touches.zep_mode(*arguments))
        return CommandResult(code=0, text="")

    def status(self) -> Mapping[str, Any]:
        """Would ask; a base mode that no step wants, so that its way there is shown."""
        self._note(self._touches.zep_mode("--status", "--json"))
        self._only_if = "if that says otherwise: "
        return {"base": "", "forced": None, "effective": "", "failures": 0, "workers": []}

    def metrics(self) -> Metrics:
        """Would scrape."""
        self._note(self._touches.metrics())
        return Metrics(_Anything())

    def log_events(self) -> Sequence[Mapping[str, Any]]:
        """Would read it."""
        self._note(self._touches.log())
        return ()

    def start_fault(self, name: str, **settings: float | str) -> None:
        """Would put it on."""
        self._note(self._touches.start_fault(name, settings))
        self._faults.append(name)

    def stop_faults(self) -> None:
        """Would take them off."""
        self._note(self._touches.stop_faults(self._faults))
        self._faults.clear()

    def requests_to_zep(self, *, route: str = "", thread: str = "") -> int:
        """Would count."""
        self._note(self._touches.journal())
        return 0

    def stored_messages(self, thread: str) -> Sequence[StoredMessage]:
        """Would ask."""
        self._note(self._touches.journal())
        return ()

    def processes(self) -> Mapping[str, int]:
        """Would ask."""
        self._note(self._touches.processes())
        return {}

    def wait(self, seconds: float) -> None:
        """Would wait."""
        self._tell(f"waits {self.held_s(seconds):g} s")

    def held_s(self, seconds: float) -> float:
        """As in a drill."""
        return scaled(seconds, self._time_scale)

    def within(self, seconds: float) -> _NoPatience:
        """No patience: what is asked again and again is shown once."""
        return _NoPatience()

    def saw(self, evidence: str) -> None:
        """Nothing was seen."""
