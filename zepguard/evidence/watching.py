"""A world that is watched: what was done in it becomes a timeline and log lines, and nothing is done otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, cast

from zepguard.evidence.model import Lane, LogLine, Mark, Timeline
from zepguard.worlds.world import Turn, World

__all__ = ["Watch", "log_lines", "marks_of_log", "watched"]

_FORCED = ("memory_mode_forced", "memory_mode_joined")
_AT_BASE = ("memory_mode_restored", "memory_mode_cleared", "memory_mode_expired")
_BREAKER = {"circuit_opened": "open", "circuit_closed": "closed"}
_STAMPS = ("event", "timestamp")


class Watch:
    """What was seen of each scenario, in the order in which they began.

    Args:
        world: the one to watch. A deployed environment is asked for its log alone, once a scenario: each further
            question would be a command, and would stretch gaps that drills measure.
        now: the world's clock, unix seconds.
    """

    def __init__(self, world: World, *, now: Callable[[], float]) -> None:
        self._world = world
        self._now = now
        self._asks_status = world.name != "staging"
        self.timelines: list[Timeline] = []
        self.logs: list[tuple[LogLine, ...]] = []
        self.settings: dict[str, str] = {}
        self._base = ""
        self._start("")

    def _start(self, title: str) -> None:
        self._title = title
        self._began = self._now()
        self._marks: list[Mark] = []
        self._faults: dict[str, float] = {}

    def begun(self, scenario: str) -> None:
        """A scenario has begun."""
        self._start(scenario)
        self._note_mode()
        with suppress(Exception):  # what cannot be seen is no reason for a drill to fail: of each question here
            self.settings.update(self._world.variables())

    def said(self, turn: Turn) -> None:
        """A turn was answered, or was not."""
        label = "turn" if turn.status == 200 else f"turn, status {turn.status}"
        self._marks.append(Mark(at=self._now(), lane=Lane.LATENCY, label=label, value=turn.took_s))

    def fault_on(self, name: str) -> None:
        """A fault was put on."""
        self._faults.setdefault(name, self._now())

    def faults_off(self) -> None:
        """All faults were taken off."""
        now = self._now()
        for name, began in self._faults.items():
            self._marks.append(Mark(at=began, lane=Lane.FAULT, label=name, of=name, until=max(now, began)))
        self._faults = {}

    def restarted(self) -> None:
        """The worker runs again, perhaps with other variables."""
        self._marks.append(Mark(at=self._now(), lane=Lane.NOTE, label="worker restarted"))
        self._note_mode()

    def acted(self, what: str) -> None:
        """Somebody did something worth a note."""
        self._marks.append(Mark(at=self._now(), lane=Lane.NOTE, label=what))

    def ending(self) -> None:
        """The scenario is over, and the world will be put back: what that does is no evidence."""
        ended = self._now()
        lines: Sequence[LogLine] = ()
        with suppress(Exception):
            lines = log_lines(self._world.log_events())
        marks = [*self._marks, *marks_of_log(lines, base=self._base)]
        marks += [Mark(at=at, lane=Lane.FAULT, label=name, of=name) for name, at in self._faults.items()]
        began = min([self._began, *(one.at for one in marks)])
        ended = max([ended, *(one.until or one.at for one in marks)])
        self.timelines.append(Timeline(title=self._title, began=began, ended=ended, marks=tuple(marks)))
        self.logs.append(tuple(lines))
        self._start("")  # the next may fail before it has begun

    def _note_mode(self) -> None:
        if not self._asks_status:
            return
        with suppress(Exception):
            status = self._world.status()
            self._base = str(status["base"])
            self._marks.append(Mark(at=self._now(), lane=Lane.MODE, label=str(status["effective"])))


def log_lines(events: Iterable[Mapping[str, Any]]) -> list[LogLine]:
    """The product's log lines, as the evidence keeps them."""
    return [
        LogLine(
            at=_moment(str(one.get("timestamp", ""))),
            event=str(one.get("event", "")),
            details={name: value for name, value in one.items() if name not in _STAMPS},
        )
        for one in events
    ]


def _moment(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def marks_of_log(lines: Iterable[LogLine], *, base: str) -> list[Mark]:
    """What log lines tell of mode and breaker; ``base`` is the mode that a hold's end brings back."""
    marks = []
    for line in lines:
        if line.at is None:
            continue
        if line.event in _FORCED:
            reason = str(line.details.get("reason", ""))
            marks.append(Mark(at=line.at, lane=Lane.MODE, label=str(line.details.get("mode", "")), of=reason))
        elif line.event in _AT_BASE:
            marks.append(Mark(at=line.at, lane=Lane.MODE, label=base or "base mode"))
        elif line.event in _BREAKER:
            operation = str(line.details.get("operation", ""))
            marks.append(Mark(at=line.at, lane=Lane.BREAKER, label=_BREAKER[line.event], of=operation))
    return marks


class _Watched:
    """Passes everything on to the world, and tells the watch of some of it."""

    def __init__(self, world: World, watch: Watch) -> None:
        self._inner = world
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def begin(self, scenario: str) -> None:
        self._inner.begin(scenario)
        self._watch.begun(scenario)

    def end(self) -> None:
        self._watch.ending()
        self._inner.end()

    def say(self, message: str, *, thread: str) -> Turn:
        turn = self._inner.say(message, thread=thread)
        self._watch.said(turn)
        return turn

    def start_fault(self, name: str, **settings: float | str) -> None:
        self._watch.fault_on(name)
        self._inner.start_fault(name, **settings)

    def stop_faults(self) -> None:
        self._inner.stop_faults()
        self._watch.faults_off()

    def restart_worker(self) -> None:
        self._inner.restart_worker()
        self._watch.restarted()

    def zep_mode(self, *arguments: str) -> Any:
        self._watch.acted(" ".join(("zep_mode", *arguments)))
        return self._inner.zep_mode(*arguments)


def watched(world: World, watch: Watch) -> World:
    """The same world, whatever it is asked; ``watch`` sees."""
    return cast(World, _Watched(world, watch))
