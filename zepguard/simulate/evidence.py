"""What ``zepguard simulate`` leaves as evidence: seeds, their hash, and the shrunk history of each that failed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from zepguard.evidence import (
    Evidence,
    Finding,
    Lane,
    LogLine,
    Mark,
    Run,
    Scenario,
    Table,
    Timeline,
    Verdict,
    now_text,
    product,
)
from zepguard.evidence.model import Step
from zepguard.history import events as told
from zepguard.history import line
from zepguard.simulate.run import Outcome
from zepguard.simulate.timeline import START

__all__ = ["FailedSeed", "Seeds", "evidence_of"]

_BY = "zepguard simulate"
_FEATURE = "Simulation"
_WHERE = "simulation"


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedSeed:
    """A seed in which something was found, the hash of its whole history, and the least that still shows it."""

    seed: int
    found: str
    digest: str
    least: Outcome


@dataclass(frozen=True, kw_only=True, slots=True)
class Seeds:
    """A run of seeds: from ``first``, so many ``asked`` for and so many ``ran``, and the hash of all that ran.

    ``took_s`` are real seconds.
    """

    first: int
    asked: int
    ran: int
    digest: str
    took_s: float
    failed: tuple[FailedSeed, ...] = ()

    @property
    def passed(self) -> int:
        """Seeds in which nothing was found."""
        return self.ran - len(self.failed)


def evidence_of(seeds: Seeds, *, command: str, started: str) -> Evidence:
    """What the command writes; ``started`` is in ISO 8601."""
    last = seeds.first + seeds.ran - 1
    counted = f"{seeds.passed} of {seeds.ran} seeds passed, {seeds.first} to {last}"
    why = [counted, f"hash {seeds.digest}", *(f"seed {one.seed}: {one.found}" for one in seeds.failed)]
    finding = Finding(stage="simulation", verdict=Verdict.NO_GO if seeds.failed else Verdict.GO, why=tuple(why), by=_BY)
    rows = (
        ("seeds", f"{seeds.first} to {last}"),
        ("asked for", str(seeds.asked)),
        ("run", str(seeds.ran)),
        ("passed", str(seeds.passed)),
        ("failed", ", ".join(str(one.seed) for one in seeds.failed) or "none"),
        ("hash of their histories", seeds.digest),
        ("real seconds", f"{seeds.took_s:.1f}"),
    )
    return Evidence(
        run=Run(command=command, world=_WHERE, time_scale=1, started=started, finished=now_text()),
        product=product(),
        scenarios=(*_passed(seeds, counted), *map(_failed, seeds.failed)),
        findings=(finding,),
        tables=(Table(title="Seeds", columns=("What", "Figure"), rows=rows),),
    )


def _passed(seeds: Seeds, counted: str) -> Iterator[Scenario]:
    if seeds.passed:
        step = Step(text="Then no promise is broken", status="passed", took_s=seeds.took_s)
        yield Scenario(
            feature=_FEATURE,
            name=counted,
            ids=(),
            status="passed",
            where=_WHERE,
            seen=(f"hash {seeds.digest}",),
            steps=(step,),
            took_s=seeds.took_s,
        )


def _failed(failed: FailedSeed) -> Scenario:
    least = failed.least
    found = least.findings[0]
    history = [one for one in least.history if one.at <= found.at]
    steps = [Step(text=f"Given {item}", status="passed", took_s=0.0) for item in least.plan.items]
    return Scenario(
        feature=_FEATURE,
        name=f"seed {failed.seed}",
        ids=(),
        status="failed",
        where=_WHERE,
        problem=f"{found}\nreplay the whole run: zepguard simulate --seed {failed.seed} --history",
        seen=(
            f"of the whole run: {failed.found}",
            f"hash of the whole run {failed.digest}",
            f"{len(least.plan.items)} things are left once all that it does not need is left out",
            " ".join(f"{name}={value}" for name, value in least.plan.variables),
        ),
        steps=(*steps, Step(text=f"Then {found.checker} holds", status="failed", took_s=0.0)),
        timeline=_timeline(history, found.at, f"seed {failed.seed}"),
        log=tuple(_line(one) for one in history),
    )


def _line(event: told.Event) -> LogLine:
    facts = line(event).partition("{")
    return LogLine(
        at=START + event.at, event=type(event).__name__, details=json.loads("".join(facts[1:])) if facts[1] else {}
    )


def _timeline(history: Sequence[told.Event], ended: float, title: str) -> Timeline:
    """Faults of the plan, and what the store's record says of the mode."""
    marks = [Mark(at=START, lane=Lane.MODE, label=_mode(told.State()))]
    reason = ""
    for one in history:
        at = START + one.at
        if isinstance(one, told.Fault):
            until = START + min(ended, one.at + one.for_s)
            marks.append(Mark(at=at, lane=Lane.FAULT, label=one.kind, of=one.kind, until=max(at, until)))
        elif isinstance(one, told.Stepped) and one.state.reason != reason:
            reason = one.state.reason
            marks.append(Mark(at=at, lane=Lane.MODE, label=_mode(one.state), of=one.state.reason))
        elif isinstance(one, told.Died | told.Flushed | told.StoreClockMoved | told.ClockMoved):
            marks.append(Mark(at=at, lane=Lane.NOTE, label=line(one).strip()))
    return Timeline(title=title, began=START, ended=START + max(ended, 0.001), marks=tuple(marks))


def _mode(state: told.State) -> str:
    return "write_only" if state.reason else "base mode"
