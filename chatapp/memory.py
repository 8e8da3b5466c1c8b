"""The guard's service of this process: one, made at its first use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from django.conf import settings

from chatapp.memory_share import NO_MEMORY, in_share
from guard import ContextResult, MemoryService, logs
from guard.metrics import folder

__all__ = ["has_memory", "prepare", "read_context", "served_by", "service"]


_given: MemoryService | None = None


@cache
def _from_env() -> MemoryService:
    return MemoryService.from_env(program=settings.CHATAPP_PROGRAM)


def service() -> MemoryService:
    """The guard's service; it connects when it is first used, not when it is made.

    Raises:
        SettingsError: for a variable of the guard that cannot be used.
    """
    return _given or _from_env()


def has_memory(thread_id: str) -> bool:
    """Whether the thread is in the share that has memory (``CHATAPP_MEMORY_SHARE``)."""
    return in_share(thread_id, settings.CHATAPP_MEMORY_SHARE)


def read_context(*, user_id: str, thread_id: str, by: MemoryService | None = None) -> ContextResult:
    """Read what memory knows, for a thread that has one; by this process's service if none is given."""
    if not has_memory(thread_id):
        return NO_MEMORY
    return (by or service()).read_context(user_id=user_id, thread_id=thread_id)


@contextmanager
def served_by(given: MemoryService) -> Iterator[None]:
    """Have this process use a service that was made elsewhere; for simulations."""
    global _given
    before, _given = _given, given
    try:
        yield
    finally:
        _given = before


def prepare() -> None:
    """Make this process ready: settings checked, log lines to their file, counts of dead predecessors merged.

    Raises:
        SettingsError: for a variable of the guard that cannot be used.
    """
    logs.configure(settings.CHATAPP_LOG_FILE)
    service()
    counts = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
    if counts:
        folder.compact(Path(counts))
