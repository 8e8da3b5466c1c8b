"""Stand between the product and its parts, and write down what passes: the record's steps, the outbox's decisions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import count
from typing import Any

from guard.core.events import AcquireProbe, AcquireTrial, Event, Force, GiveUp, Join, Report
from guard.outbox.rows import Batch
from guard.store.protocol import Applied, ThreadEntry
from zepguard.history.events import (
    Acknowledged,
    Dead,
    Delivered,
    SendingAgain,
    State,
    Step,
)

__all__ = ["WatchedRows", "WatchedStore", "state_of", "step_of"]


def step_of(event: Event) -> Step:
    """A step of the record as the history has it."""
    match event:
        case Report(ticket=ticket):
            return Step(
                kind="report",
                operation=str(ticket.operation),
                phase=str(ticket.phase),
                outcome=str(event.outcome),
                generation=ticket.generation,
                token=ticket.token,
                worker=event.worker,
                seconds=event.retry_after_s,
            )
        case AcquireProbe():
            return Step(kind="acquire_probe", generation=event.generation, token=event.token)
        case AcquireTrial():
            return Step(kind="acquire_trial", operation=str(event.operation), token=event.token)
        case GiveUp():
            return Step(kind="give_up", token=event.token)
        case Force():
            return Step(kind="force", reason=str(event.reason), seconds=event.ttl_s, operator=event.operator)
        case Join():
            return _join(event)
    kind = {"Clear": "clear", "ResetFailures": "reset_failures", "Expire": "expire"}[type(event).__name__]
    return Step(kind=kind, generation=getattr(event, "generation", 0))


def _join(event: Join) -> Step:
    known = event.known
    return Step(
        kind="join",
        generation=known.generation,
        reason=str(event.reason or ""),
        until=event.until,
        worker=event.worker,
        known_reason=str(known.reason or ""),
        known_until=known.until,
        known_downgrades=tuple(sorted((str(r), n) for r, n in known.downgrades.items() if n)),
        known_witnesses=tuple(sorted(name for name in known.witnesses.split(",") if name)),
    )


def state_of(flat: dict[bytes, bytes]) -> State:
    """The state in a record's hash, as the history has it."""

    def number(name: bytes) -> float:
        return float(flat.get(name) or 0)

    prefix = b"downgrades."
    counts = sorted((k[len(prefix) :].decode(), int(float(v))) for k, v in flat.items() if k.startswith(prefix))
    return State(
        generation=int(number(b"generation")),
        reason=flat.get(b"reason", b"").decode(),
        until=number(b"until"),
        operator=flat.get(b"operator") == b"1",
        failures=int(number(b"failures")),
        lease=flat.get(b"lease", b"").decode(),
        lease_until=number(b"lease_until"),
        restores=int(number(b"restores")),
        downgrades=tuple((reason, n) for reason, n in counts if n),
    )


class WatchedStore:
    """A process's store; says which step of the record is under way.

    Args:
        store: the guard's own.
        process: whose it is.
        begin: told the name of a step and what it is; gives back what to call at its end.
        decided: called when a call has been admitted: its first question that is no look at the record.
        record: takes events.
        now: gives seconds of the run.
    """

    def __init__(
        self,
        store: Any,
        process: str,
        *,
        begin: Callable[[str, Step], Callable[[], None]],
        decided: Callable[[], None],
        record: Callable[[Any], None],
        now: Callable[[], float],
        numbers: count[int],
    ) -> None:
        self._store = store
        self._process = process
        self._begin = begin
        self._decided = decided
        self._record = record
        self._now = now
        self._steps = numbers

    def snapshot(self) -> Applied:
        """Read the record."""
        seen: Applied = self._store.snapshot()
        return seen

    def apply(self, event: Event) -> Applied:
        """Apply one event; each command that it takes is the step's."""
        if isinstance(event, AcquireProbe | AcquireTrial):
            self._decided()
        call = f"{self._process}-{next(self._steps)}"
        end = self._begin(call, step_of(event))
        try:
            applied: Applied = self._store.apply(event)
        finally:
            end()
        self._record(Acknowledged(at=self._now(), process=self._process, call=call))
        return applied

    def thread_entry(self, thread_id: str, user_id: str = "") -> ThreadEntry:
        """Read what is known of a thread."""
        self._decided()
        entry: ThreadEntry = self._store.thread_entry(thread_id, user_id)
        return entry

    def claim_refresh(self, thread_id: str, *, lease_s: float) -> bool:
        """Be the one that refreshes a thread's stale context."""
        return bool(self._store.claim_refresh(thread_id, lease_s=lease_s))


class WatchedRows:
    """The outbox of a process; tells of each decision about a message.

    Args:
        rows: the outbox's own.
        alias: gives the history's name of an outbox id.
        is_dead: whether there is a dead letter of an outbox id.
        record: takes events.
        now: gives seconds of the run.
    """

    def __init__(
        self,
        rows: Any,
        *,
        alias: Callable[[str], str],
        is_dead: Callable[[str], bool],
        record: Callable[[Any], None],
        now: Callable[[], float],
    ) -> None:
        self._rows = rows
        self._alias = alias
        self._is_dead = is_dead
        self._record = record
        self._now = now

    def __getattr__(self, name: str) -> Any:
        """All else is the outbox's own affair."""
        return getattr(self._rows, name)

    def sending_again(self, batch: Batch, keys: Collection[int]) -> int:
        """Mark rows of unknown fate that are about to be sent again."""
        marked = int(self._rows.sending_again(batch, keys))
        for message in self._names(batch, keys):
            self._record(SendingAgain(at=self._now(), message=message))
        return marked

    def delivered(self, batch: Batch, keys: Collection[int], *, now: float) -> int:
        """Take these for delivered."""
        for message in self._names(batch, keys):
            self._record(Delivered(at=self._now(), message=message))
        return int(self._rows.delivered(batch, keys, now=now))

    def bury(self, batch: Batch, key: int, *, reason: str, now: float) -> bool:
        """Make a dead letter."""
        try:
            return bool(self._rows.bury(batch, key, reason=reason, now=now))
        finally:  # its process may have been killed after the commit
            dead = [row.outbox_id for row in batch.rows if row.key == key and self._is_dead(row.outbox_id)]
            for outbox_id in dead:
                self._record(Dead(at=self._now(), message=self._alias(outbox_id)))

    def _names(self, batch: Batch, keys: Collection[int]) -> Sequence[str]:
        return [self._alias(row.outbox_id) for row in batch.rows if row.key in keys]
