"""What came of a scenario, and of a drill."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from zepguard.drills.history import History

__all__ = ["DrillOutcome", "ScenarioOutcome", "StepOutcome", "by_drill", "verdict", "worst"]

_NUMBER = re.compile(r"drill(\d+)-")


@dataclass(frozen=True, kw_only=True, slots=True)
class StepOutcome:
    """One step: its text, ``passed`` or ``failed``, and real seconds."""

    text: str
    status: str
    took_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ScenarioOutcome:
    """One scenario; ``void`` means that the world, not the product, did not do what it should."""

    feature: str
    name: str
    ids: tuple[str, ...]
    status: str
    problem: str
    seen: tuple[str, ...]
    steps: tuple[StepOutcome, ...]
    took_s: float
    history: History | None = None

    @property
    def drill(self) -> str:
        """``drill 4``, or the feature's name for what is no drill."""
        numbers = [found[1] for found in map(_NUMBER.match, self.ids) if found]
        return f"drill {numbers[0]}" if numbers else self.feature.lower()

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        history = None if self.history is None else self.history.as_json()
        return {**asdict(replace(self, history=None)), "history": history, "drill": self.drill}


@dataclass(frozen=True, kw_only=True, slots=True)
class DrillOutcome:
    """The scenarios of one drill together."""

    name: str
    title: str
    scenarios: tuple[ScenarioOutcome, ...]

    @property
    def status(self) -> str:
        """The worst of its scenarios'."""
        return verdict(self.scenarios)

    @property
    def took_s(self) -> float:
        """Real seconds, all scenarios."""
        return sum(one.took_s for one in self.scenarios)

    @property
    def seen(self) -> tuple[str, ...]:
        """What was seen, each once."""
        return tuple(dict.fromkeys(text for one in self.scenarios for text in one.seen))

    def line(self) -> str:
        """The one line that the command prints."""
        passed = sum(one.status == "passed" for one in self.scenarios)
        told = [one.problem.splitlines()[0] for one in self.scenarios if one.problem] or self.seen
        return (
            f"{self.status.upper():7} {self.title} ({passed}/{len(self.scenarios)} in {self.took_s:.0f} s): "
            f"{'; '.join(told)}"
        )


def by_drill(outcomes: Sequence[ScenarioOutcome]) -> list[DrillOutcome]:
    """Group scenarios by drill, in the order in which they ran."""
    names = dict.fromkeys(one.drill for one in outcomes)
    groups = {name: tuple(one for one in outcomes if one.drill == name) for name in names}
    return [DrillOutcome(name=name, title=group[0].feature, scenarios=group) for name, group in groups.items()]


def verdict(outcomes: Sequence[ScenarioOutcome]) -> str:
    """``failed`` if one failed, else ``void`` if one was void or there is none, else ``passed``."""
    return worst(one.status for one in outcomes)


def worst(statuses: Iterable[str]) -> str:
    """The worst of several; nothing at all is no pass."""
    found = set(statuses)
    if "failed" in found:
        return "failed"
    return "passed" if found == {"passed"} else "void"
