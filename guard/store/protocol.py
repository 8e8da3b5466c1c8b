"""What the guard asks of a store. One contract suite (``tests/guard/test_store_contract.py``) runs against each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from guard.core.events import Effect, EffectKind, Event
from guard.core.record import Record
from guard.core.table import Pause
from guard.core.worker import Worker

__all__ = ["VERSION_TTL_S", "WORKER_TTL_S", "Applied", "Store", "ThreadEntry"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Applied:
    """The answer to an event: the record after it, the store's time (unix seconds), and what was done."""

    record: Record
    now: float
    effects: tuple[Effect, ...] = ()

    def did(self, kind: EffectKind) -> bool:
        """Whether an effect of that kind is among those done."""
        return any(effect.kind is kind for effect in self.effects)


@dataclass(frozen=True, kw_only=True, slots=True)
class ThreadEntry:
    """What the fleet knows of one thread: no read of it until ``pause_until`` (unix seconds), and why.

    ``version`` goes up when an operator drops the entry: a call that was under way then leaves no new one.
    """

    pause_until: float = 0.0
    why: Pause = Pause.NONE
    version: int = 0


class Store(Protocol):
    """The guard's store. Each method is one command to it and raises ``StoreUnavailable`` if that fails."""

    def snapshot(self) -> Applied:
        """Read the record and the store's time."""

    def apply(self, event: Event) -> Applied:
        """Apply one event atomically."""

    def thread_entry(self, thread_id: str) -> ThreadEntry:
        """Read what is known of a thread."""

    def forget_thread(self, thread_id: str) -> bool:
        """Drop what is known of a thread; gives whether there was anything."""

    def beat(self, worker: Worker) -> None:
        """Say that a worker lives."""

    def retire(self, name: str) -> None:
        """Take a worker off the list."""

    def workers(self) -> list[Worker]:
        """List the workers seen within ``WORKER_TTL_S``."""


WORKER_TTL_S = 3.0
"""A worker not heard of for so long is not listed, seconds; a heartbeat comes each second."""

VERSION_TTL_S = 3600.0
"""A thread's version is kept so long after it went up: longer than any call that was under way can take."""
