"""A store of this process for coroutines: it never waits, so it is asked at once."""

from __future__ import annotations

from guard.core.events import Event
from guard.store.protocol import Applied, Store, ThreadEntry

__all__ = ["AsyncMemoryStore"]


class AsyncMemoryStore:
    """``AsyncStore`` over a store that answers at once.

    Args:
        store: such as ``MemoryStore``; all loops of the process share it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def snapshot(self) -> Applied:
        """Read the record."""
        return self._store.snapshot()

    async def apply(self, event: Event) -> Applied:
        """Apply one event."""
        return self._store.apply(event)

    async def thread_entry(self, thread_id: str, user_id: str = "") -> ThreadEntry:
        """Read what is known of a thread."""
        return self._store.thread_entry(thread_id, user_id)

    async def claim_refresh(self, thread_id: str, *, lease_s: float) -> bool:
        """Be the one that refreshes a thread's stale context."""
        return self._store.claim_refresh(thread_id, lease_s=lease_s)
