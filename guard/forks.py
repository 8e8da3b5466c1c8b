"""Locks that a forked child finds free: one that another thread held at the fork would be held there for ever."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any
from weakref import WeakSet

__all__ = ["free_in_child", "new_lock"]

_locks: WeakSet[Any] = WeakSet()
_finders: list[Callable[[], Iterable[Any]]] = []


def new_lock() -> Lock:
    """Make a lock that is free in a child, whoever holds it at the fork."""
    lock = Lock()
    _locks.add(lock)
    return lock


def free_in_child(find: Callable[[], Iterable[Any]]) -> None:
    """Free the locks of another library in a child.

    Args:
        find: gives them, in the child.
    """
    _finders.append(find)


def _free() -> None:
    for lock in [*_locks, *(lock for find in _finders for lock in find())]:
        lock._at_fork_reinit()  # what the standard library does with its own


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free)
