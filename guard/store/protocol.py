"""What the guard asks of a store. One contract suite (``tests/guard/test_store_contract.py``) runs against each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from guard.core.events import Effect, EffectKind, Event
from guard.core.record import Record
from guard.core.table import Pause
from guard.core.worker import Worker

__all__ = [
    "CONTEXT_CHARACTERS_MAX",
    "VERSION_TTL_S",
    "WORKER_TTL_S",
    "Applied",
    "AsyncStore",
    "Kept",
    "Store",
    "ThreadEntry",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Applied:
    """The answer to an event: the record after it, the store's time (unix seconds), and what was done."""

    record: Record
    now: float
    effects: tuple[Effect, ...] = ()

    def did(self, kind: EffectKind) -> bool:
        """Whether an effect of that kind is among those done."""
        return any(effect.kind is kind for effect in self.effects)


@dataclass(frozen=True, slots=True)
class Kept:
    """A context that a user's thread had at ``at`` (unix seconds by the store's clock)."""

    text: str
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ThreadEntry:
    """What the fleet knows of one thread, for one of its users.

    No read of it until ``pause_until`` (unix seconds), and why. ``version`` goes up when an operator drops the entry: a
    call that was under way then leaves no new pause.
    """

    pause_until: float = 0.0
    why: Pause = Pause.NONE
    version: int = 0
    kept: Kept | None = None


class Store(Protocol):
    """The guard's store. Each method is one command, unless it says otherwise; ``StoreUnavailable`` if that fails."""

    def snapshot(self) -> Applied:
        """Read the record and the store's time."""

    def apply(self, event: Event) -> Applied:
        """Apply one event atomically; a report keeps its context and its pause in the same step."""

    def thread_entry(self, thread_id: str, user_id: str = "") -> ThreadEntry:
        """Read what is known of a thread, with the context kept for that user and no other."""

    def claim_refresh(self, thread_id: str, *, lease_s: float) -> bool:
        """Be the one that refreshes a thread's stale context, for ``lease_s`` seconds at most; False if another is."""

    def forget_thread(self, thread_id: str) -> bool:
        """Drop what is known of a thread, in all processes; gives whether there was anything."""

    def forget_user(self, user_id: str) -> int:
        """Drop every context kept for a user, in all processes; gives how many. Walks all entries."""

    def beat(self, worker: Worker) -> None:
        """Say that a worker lives. Two commands."""

    def retire(self, name: str) -> None:
        """Take a worker off the list."""

    def workers(self) -> list[Worker]:
        """List the workers seen within ``WORKER_TTL_S``. Two commands, more if some have died."""


class AsyncStore(Protocol):
    """The part of a store that guarded calls use, for coroutines; same meaning as ``Store``."""

    async def snapshot(self) -> Applied:
        """Read the record and the store's time."""

    async def apply(self, event: Event) -> Applied:
        """Apply one event atomically."""

    async def thread_entry(self, thread_id: str, user_id: str = "") -> ThreadEntry:
        """Read what is known of a thread, with the context kept for that user."""

    async def claim_refresh(self, thread_id: str, *, lease_s: float) -> bool:
        """Be the one that refreshes a thread's stale context."""


WORKER_TTL_S = 3.0
"""A worker not heard of for so long is not listed, seconds; a heartbeat comes each second."""

VERSION_TTL_S = 3600.0
"""A thread's version is kept so long after it went up: longer than any call that was under way can take."""

CONTEXT_CHARACTERS_MAX = 65_536
"""A longer context is used and not kept, in the store or in a process: some hundred of them would fill its memory."""
