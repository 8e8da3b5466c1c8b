"""What the engine tells logs and metrics."""

from __future__ import annotations

from dataclasses import dataclass

from guard.core.events import Effect
from guard.core.record import Record
from guard.core.table import Operation, Outcome, Pause
from guard.errors import StoreUnavailable

__all__ = ["CallEnded", "CallSent", "ContextKept", "Full", "NegativeHit", "Notice", "StoreAnswered", "Transition"]


@dataclass(frozen=True, slots=True)
class CallSent:
    """A request is about to go to Zep."""

    operation: Operation


@dataclass(slots=True)  # not frozen: made with each call
class CallEnded:
    """A call to Zep has ended; ``failures`` is the fleet's count after it was reported."""

    operation: Operation
    outcome: Outcome
    latency_s: float
    thread_id: str
    failures: int
    probe: bool = False
    message: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Transition:
    """A step changed the record; told once, by the process whose step it was.

    ``alone``: it is this process's own, made while the store was away.
    """

    effects: tuple[Effect, ...]
    record: Record
    now: float
    alone: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class NegativeHit:
    """A read was answered by the thread's negative entry, without a call."""

    thread_id: str
    why: Pause


@dataclass(frozen=True, kw_only=True, slots=True)
class ContextKept:
    """A read was answered by a context kept from an earlier one, ``age_s`` seconds old."""

    thread_id: str
    age_s: float


@dataclass(frozen=True, slots=True)
class Full:
    """A call was not made: as many as may be are under way in this process."""

    operation: Operation


@dataclass(frozen=True, slots=True)
class StoreAnswered:
    """The store answered again, or did not."""

    error: StoreUnavailable | None


Notice = CallSent | CallEnded | Transition | NegativeHit | ContextKept | Full | StoreAnswered
