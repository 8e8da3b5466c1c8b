"""What is soaked: how long, in which mode, with how much traffic, and what happens to Zep meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

__all__ = ["SCENARIOS", "Incident", "IncidentKind", "Noise", "Scenario"]

_DAY_H = 24.0


class IncidentKind(StrEnum):
    """What Zep has."""

    BROWNOUT = "brownout"
    """Answers take 0.4 to 3 s, and a third of them are 503."""
    OUTAGE = "outage"
    """Nothing is answered within any deadline."""
    KEY_ROTATION = "key rotation"
    """The key at hand is refused; at the end an operator sets the new one and restarts the workers."""

    @property
    def must_downgrade(self) -> bool:
        """Whether no chat can go on reading through it; a brownout may leave every third read."""
        return self is not IncidentKind.BROWNOUT


@dataclass(frozen=True, kw_only=True, slots=True)
class Incident:
    """One incident: when it begins, hours after the soak does, and how long it lasts, minutes."""

    kind: IncidentKind
    at_h: float
    lasts_min: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Noise:
    """What Zep does on every day: shares of requests that are answered with 503."""

    write_failures: float = 0.003
    read_failures: float = 0.003


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """One soak.

    Attributes:
        name: as the command takes it.
        stage: of the checklist.
        hours: how long it lasts in virtual time.
        mode: the base mode.
        message_every_s: mean seconds between messages, all persons together.
        turns: messages of one chat.
        gap_s: mean seconds between a chat's messages.
        scrape_s: seconds between scrapes.
        items: of ``features/checklist.yaml``, in its order.
        incidents: the history of Zep, in order; none overlaps another.
    """

    name: str
    stage: str
    hours: float
    mode: Literal["write_only", "read_write"]
    message_every_s: float
    turns: int
    gap_s: float
    scrape_s: float
    items: tuple[str, ...]
    incidents: tuple[Incident, ...] = ()


def _brownout(at_h: float, lasts_min: float) -> Incident:
    return Incident(kind=IncidentKind.BROWNOUT, at_h=at_h, lasts_min=lasts_min)


def _outage(at_h: float, lasts_min: float) -> Incident:
    return Incident(kind=IncidentKind.OUTAGE, at_h=at_h, lasts_min=lasts_min)


def _key_rotation(at_h: float, lasts_min: float) -> Incident:
    return Incident(kind=IncidentKind.KEY_ROTATION, at_h=at_h, lasts_min=lasts_min)


_ALL = (
    Scenario(
        name="soak",
        stage="staging-write-only",
        hours=48,
        mode="write_only",
        message_every_s=10,
        turns=5,
        gap_s=20,
        scrape_s=30,
        items=("soak-downgrades", "soak-writes", "soak-breaker", "soak-dashboard"),
    ),
    Scenario(
        name="canary",
        stage="canary",
        hours=5 * _DAY_H,
        mode="read_write",
        message_every_s=60,
        turns=5,
        gap_s=20,
        scrape_s=60,
        items=("canary-downgrades",),
        incidents=(_brownout(31, 40),),
    ),
    Scenario(
        name="full",
        stage="full",
        hours=_DAY_H,
        mode="read_write",
        message_every_s=20,
        turns=5,
        gap_s=20,
        scrape_s=30,
        items=("full-downgrades",),
    ),
    Scenario(
        name="week",
        stage="week-1",
        hours=7 * _DAY_H,
        mode="read_write",
        message_every_s=60,
        turns=5,
        gap_s=20,
        scrape_s=60,
        items=("week1-downgrades", "week1-read-p95", "week1-gauge"),
        incidents=(_brownout(20, 40), _outage(65, 60), _key_rotation(110, 25)),
    ),
    Scenario(
        name="month",
        stage="month-1",
        hours=30 * _DAY_H,
        mode="read_write",
        message_every_s=300,
        turns=6,
        gap_s=15,
        scrape_s=120,
        items=("month1-downgrades", "month1-probes", "month1-cache"),
        incidents=(
            _brownout(60, 60),
            _outage(170, 60),
            _key_rotation(300, 90),
            _brownout(400, 45),
            _outage(520, 90),
            _brownout(640, 60),
        ),
    ),
)

SCENARIOS: dict[str, Scenario] = {one.name: one for one in _ALL}
"""By name."""
