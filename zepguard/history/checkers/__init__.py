"""One promise a checker. ``docs/correctness.md`` says where each promise comes from."""

from __future__ import annotations

from zepguard.history.checkers.ledger import CountedOnce
from zepguard.history.checkers.messages import InOrder, NoPersonalData, NothingLost, NothingTwice
from zepguard.history.checkers.modes import AloneNeverRises, NeverAboveBase, NothingRaised, OneTruth, Restored
from zepguard.history.checkers.reads import InTime, OneProbe
from zepguard.history.checking import Checker, Rules

__all__ = [
    "AloneNeverRises",
    "CountedOnce",
    "InOrder",
    "InTime",
    "NeverAboveBase",
    "NoPersonalData",
    "NothingLost",
    "NothingRaised",
    "NothingTwice",
    "OneProbe",
    "OneTruth",
    "Restored",
    "all_checkers",
]


def all_checkers(rules: Rules) -> tuple[Checker, ...]:
    """Each checker, fresh."""
    return (
        NothingRaised(),
        NothingLost(),
        NothingTwice(rules),
        InOrder(),
        NoPersonalData(),
        NeverAboveBase(),
        AloneNeverRises(),
        OneTruth(rules),
        OneProbe(),
        CountedOnce(rules),
        Restored(rules),
        InTime(rules),
    )
