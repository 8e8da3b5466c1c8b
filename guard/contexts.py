"""The contexts that this process has seen lately: no trip to the store for a thread that it has just served."""

from __future__ import annotations

from guard.store.protocol import Kept

__all__ = ["CONTEXTS_MAX", "Contexts"]

CONTEXTS_MAX = 512
"""The newest so many are kept."""


class Contexts:
    """The newest contexts by user and thread. Each operation is one of a dict's own: no lock, and no thread sees half.

    An entry belongs to an epoch of the record: when an operator drops contexts, the epoch goes up and all are old.
    """

    def __init__(self, size: int = CONTEXTS_MAX) -> None:
        self._size = size
        self._kept: dict[tuple[str, str], tuple[int, Kept]] = {}

    def get(self, user_id: str, thread_id: str, epoch: int) -> Kept | None:
        """What was kept for this user and thread in this epoch."""
        entry = self._kept.get((user_id, thread_id))
        return entry[1] if entry is not None and entry[0] == epoch else None

    def put(self, user_id: str, thread_id: str, epoch: int, kept: Kept) -> None:
        """Keep a context; the oldest one goes if there are too many."""
        key = (user_id, thread_id)
        self._kept.pop(key, None)
        self._kept[key] = (epoch, kept)
        while len(self._kept) > self._size:
            try:
                self._kept.pop(next(iter(self._kept)), None)
            except (StopIteration, RuntimeError):  # another thread was at it
                return

    def clear(self) -> None:
        """Drop all."""
        self._kept.clear()
