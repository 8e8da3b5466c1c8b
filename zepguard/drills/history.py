"""What happened in a scenario, in a form that two worlds can be compared by: modes, events, counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from guard.errors import StoreUnavailable
from zepguard.worlds.world import Metrics, World

__all__ = ["Historian", "History", "StepState"]

_COUNTED = ("memory_", "circuit_open_total", "error_rate_total", "chat_turns_total")
_DETAILS = ("reason", "consecutive_failures", "operation", "outcome")


@dataclass(frozen=True, kw_only=True, slots=True)
class StepState:
    """The mode after a step: effective mode, the reason if one is forced, the failure count."""

    step: str
    mode: str
    forced: str
    failures: int

    def __str__(self) -> str:
        forced = f" forced by {self.forced}" if self.forced else ""
        return f"{self.mode}{forced}, failures {self.failures}"


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """One scenario: state after each step, log events in order, and by how much each counter rose."""

    steps: tuple[StepState, ...]
    events: tuple[str, ...]
    counts: Mapping[str, float]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"steps": [asdict(one) for one in self.steps], "events": self.events, "counts": dict(self.counts)}


class Historian:
    """Takes the history of one scenario in a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._before = world.metrics()
        self._steps: list[StepState] = []

    def after_step(self, step: str) -> None:
        """Note the mode; what nobody can know while the guard's store is away is a question mark."""
        try:
            status = self._world.status()
        except StoreUnavailable:
            self._steps.append(StepState(step=step, mode="?", forced="", failures=0))
            return
        forced = status["forced"]
        self._steps.append(
            StepState(
                step=step,
                mode=str(status["effective"]),
                forced=str(forced["reason"]) if forced else "",
                failures=int(status["failures"]),
            )
        )

    def close(self) -> History:
        """The whole history, before the world is put back."""
        return History(
            steps=tuple(self._steps),
            events=tuple(_events(self._world.log_events())),
            counts=_risen(self._before, self._world.metrics()),
        )


def _events(lines: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for line in lines:
        details = [f"{name}={line[name]}" for name in _DETAILS if line.get(name) not in (None, "")]
        yield " ".join([str(line["event"]), *details])


def _risen(before: Metrics, after: Metrics) -> dict[str, float]:
    """By how much each counter rose, those that did not left out; gauges and histograms are none."""
    risen = {
        name: value - before.series.get(name, 0.0)
        for name, value in after.series.items()
        if name.startswith(_COUNTED) and name.partition("{")[0].endswith("_total") and "seconds" not in name
    }
    return {name: value for name, value in sorted(risen.items()) if value}
