"""How a history is judged: checkers, fed with one event after another, say what is wrong as soon as it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from zepguard.history.events import Event

__all__ = ["Checker", "Finding", "Jury", "Rules", "check"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What a run was promised; all times in seconds.

    Attributes:
        hold_s: an automatic downgrade holds so long.
        lease_s: a probe's lease.
        failure_threshold: failed reads in a row that downgrade.
        witnesses: distinct workers that must have seen them.
        deadline_s: of one call to Zep.
        settle_s: after a write of unknown fate, Zep applies it within this time or it counts as landed late.
        breaker_open_s: a breaker stays open so long before its one trial.
        view_age_s: an older view of the record is refreshed before it is used.
        store_answer_s: longest wait for one answer of the store.
    """

    hold_s: float = 300.0
    lease_s: float = 4.0
    failure_threshold: int = 3
    witnesses: int = 1
    deadline_s: float = 1.5
    settle_s: float = 30.0
    breaker_open_s: float = 30.0
    view_age_s: float = 1.0
    store_answer_s: float = 0.04


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A rule that was broken: by whose judgement, when (seconds) and how."""

    checker: str
    at: float
    what: str

    def __str__(self) -> str:
        return f"{self.checker} at {self.at:.6f} s: {self.what}"


class Checker(Protocol):
    """Judges one promise. Knows nothing of how the guard keeps it."""

    name: str

    def see(self, event: Event) -> str | None:
        """Take in one event; what is wrong with the history so far, or None."""


class Jury:
    """Several checkers over one history."""

    def __init__(self, checkers: Iterable[Checker]) -> None:
        self._checkers = tuple(checkers)
        self.findings: list[Finding] = []

    def see(self, event: Event) -> None:
        """Let each checker see the event."""
        for checker in self._checkers:
            what = checker.see(event)
            if what is not None:
                self.findings.append(Finding(checker=checker.name, at=event.at, what=what))


def check(history: Iterable[Event], checkers: Iterable[Checker]) -> Sequence[Finding]:
    """Judge a whole history."""
    jury = Jury(checkers)
    for event in history:
        jury.see(event)
    return jury.findings
