"""Which threads have memory at all: a share of them, so that those without are a baseline for the others.

Chosen by a hash of the thread's id: a thread stays where it is, and raising the share takes memory from none. A thread
outside reads nothing and puts nothing into the outbox, as if there were no memory service. It does not go through a
guard of mode ``off`` instead: that would end the hold of a downgrade that is the other threads' business.
"""

from __future__ import annotations

import hashlib

from guard import ContextResult
from guard.core.modes import Mode
from guard.core.results import ContextStatus

__all__ = ["NO_MEMORY", "in_share"]

NO_MEMORY = ContextResult(status=ContextStatus.SKIPPED, mode=Mode.OFF, detail="memory_share")
"""What a thread outside the share gets."""


def in_share(thread_id: str, share: float) -> bool:
    """Whether the thread is among the ``share`` (0 to 1) of all threads."""
    drawn = hashlib.sha256(f"memory-share:{thread_id}".encode()).digest()[:8]
    return int.from_bytes(drawn) < share * 2**64
