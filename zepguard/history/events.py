"""What can be seen of a run from outside, as plain values; ``at`` is seconds since the run began, by a true clock.

Whoever can see something reports it: the simulator sees all of it, a chaos run on real processes less. A checker whose
events never come has nothing to say.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, fields
from functools import cache
from hashlib import sha256
from typing import Any, cast

__all__ = [
    "Accepted",
    "Acknowledged",
    "Calm",
    "ClockMoved",
    "Crashed",
    "Dead",
    "Delivered",
    "Died",
    "Event",
    "Fault",
    "Flushed",
    "Landed",
    "Over",
    "ReadEnded",
    "ReadReturned",
    "ReadSent",
    "Saw",
    "SendingAgain",
    "Started",
    "State",
    "Step",
    "Stepped",
    "StoreBack",
    "StoreClockMoved",
    "StoreLost",
    "WriteEnded",
    "WriteSent",
    "digest",
    "line",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Something happened at ``at`` seconds."""

    at: float


# -- processes and faults --------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Started(Event):
    """A process runs from now on."""

    process: str
    base: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Died(Event):
    """A process was killed; what it had under way has no owner any more."""

    process: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Crashed(Event):
    """The product raised what it never may."""

    process: str
    error: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault(Event):
    """A fault begins, for ``for_s`` seconds."""

    kind: str
    for_s: float
    target: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Flushed(Event):
    """The store lost everything."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreClockMoved(Event):
    """The store's clock was set by so many seconds, forward if positive."""

    by_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ClockMoved(Event):
    """A process's wall clock was set by so many seconds."""

    process: str
    by_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Calm(Event):
    """The last fault is over, and so is what it hit; messages go on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Over(Event):
    """The run has ended; what was to happen has happened."""


# -- the mode --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Saw(Event):
    """A process's effective mode, when it has changed."""

    process: str
    mode: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreLost(Event):
    """The store did not answer a process, which goes on alone."""

    process: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreBack(Event):
    """The store decides for a process again."""

    process: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What a process asked the store to apply; which fields mean something depends on ``kind``.

    ``known_*`` are of a ``join``: the record that the process had before it lost the store.
    """

    kind: str
    operation: str = ""
    phase: str = ""
    outcome: str = ""
    generation: int = 0
    token: str = ""
    worker: str = ""
    reason: str = ""
    seconds: float = 0.0
    operator: bool = False
    until: float = 0.0
    known_reason: str = ""
    known_until: float = 0.0
    known_downgrades: tuple[tuple[str, int], ...] = ()
    known_witnesses: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What the store's record says of the fleet; times in unix seconds by the store's clock."""

    generation: int = 0
    reason: str = ""
    until: float = 0.0
    operator: bool = False
    failures: int = 0
    lease: str = ""
    lease_until: float = 0.0
    restores: int = 0
    downgrades: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Stepped(Event):
    """The store carried out a command of a step (``call`` names the step), and says this afterwards.

    ``now`` is the store's time. A step may take several commands; ``changed`` says whether this one changed the state.
    """

    process: str
    call: str
    step: Step
    now: float
    changed: bool
    state: State


@dataclass(frozen=True, kw_only=True, slots=True)
class Acknowledged(Event):
    """The step was reported as applied to the process that asked for it."""

    process: str
    call: str


# -- reads -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadSent(Event):
    """A read leaves for Zep. ``mode`` is the process's effective mode at ``decided_at``, when it was admitted."""

    process: str
    request: str
    mode: str
    decided_at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadEnded(Event):
    """It is answered, has failed, or was given up."""

    request: str
    outcome: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadReturned(Event):
    """A chat turn has its context, or knows that it gets none."""

    process: str
    began_at: float
    status: str
    detail: str


# -- messages --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted(Event):
    """The app has committed a message: from now on it may not be lost.

    ``text`` is what the outbox keeps of it; ``secrets`` is the personal data in what the person wrote.
    """

    message: str
    thread: str
    process: str
    text: str
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteSent(Event):
    """A request that adds messages leaves for Zep."""

    process: str
    request: str
    messages: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteEnded(Event):
    """It is answered, has failed, or was given up."""

    request: str
    outcome: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Landed(Event):
    """Zep has stored the messages of a request, whatever its sender knows of it."""

    request: str
    messages: tuple[str, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SendingAgain(Event):
    """The outbox reports that a message may be there twice: it is sent again, and the first request may land late."""

    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivered(Event):
    """The outbox takes a message for delivered."""

    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Dead(Event):
    """The outbox has made a dead letter of a message."""

    message: str


@cache
def _names(kind: Hashable) -> tuple[str, ...]:
    return tuple(field.name for field in fields(cast(type[Event], kind)) if field.name != "at")


def _plain(value: Any) -> Any:
    if isinstance(value, Step | State):
        names = _names(cast(Hashable, type(value)))
        return {name: _plain(getattr(value, name)) for name in names if getattr(value, name)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def line(event: Event) -> str:
    """One event as a line of text: seconds, kind, and its facts as JSON."""
    facts = {name: _plain(getattr(event, name)) for name in _names(cast(Hashable, type(event)))}
    return f"{event.at:12.6f} {type(event).__name__:15} {json.dumps(facts, ensure_ascii=False)}"


def digest(events: Iterable[Event]) -> str:
    """SHA-256 of a whole history, as hexadecimal digits; the same history has the same one on every Python."""
    told = sha256()
    for event in events:
        told.update(line(event).encode())
        told.update(b"\n")
    return told.hexdigest()
