"""A store for one process: tests, scripts, and apps without Redis. Same contract, a lock in place of Lua."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from threading import Lock

from guard.core.events import Event, Policy, Report
from guard.core.machine import step
from guard.core.record import EMPTY, Record
from guard.core.table import rule_for
from guard.core.worker import Worker
from guard.store.protocol import WORKER_TTL_S, Applied, ThreadEntry

__all__ = ["MemoryStore"]


class MemoryStore:
    """Keeps the record in this process.

    Args:
        policy: thresholds and times of the steps.
        clock: gives unix seconds.
    """

    def __init__(self, policy: Policy | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self._policy = policy or Policy()
        self._clock = clock
        self._lock = Lock()
        self._record: Record = EMPTY
        self._threads: dict[str, ThreadEntry] = {}
        self._versions: dict[str, int] = {}
        self._workers: dict[str, Worker] = {}

    def snapshot(self) -> Applied:
        """Read the record."""
        with self._lock:
            return Applied(record=self._record, now=self._clock())

    def apply(self, event: Event) -> Applied:
        """Apply one event under the lock."""
        with self._lock:
            now = self._clock()
            self._record, effects = step(self._record, event, now, self._policy)
            if isinstance(event, Report):
                self._pause(event, now)
            return Applied(record=self._record, now=now, effects=effects)

    def _pause(self, event: Report, now: float) -> None:
        pause_s = self._policy.pause_s(event)
        dropped = event.thread_version not in (None, self._versions.get(event.thread_id, 0))
        if pause_s > 0 and event.thread_id and not dropped:
            self._drop_ended(now)
            known = self._threads.get(event.thread_id, ThreadEntry())
            why = rule_for(event.ticket.operation, event.outcome, event.ticket.phase).pause
            if now + pause_s > known.pause_until:
                self._threads[event.thread_id] = ThreadEntry(pause_until=now + pause_s, why=why)

    def _drop_ended(self, now: float) -> None:
        """Forget the pauses that are over, as the keys of a shared store expire."""
        self._threads = {thread: entry for thread, entry in self._threads.items() if entry.pause_until > now}

    def thread_entry(self, thread_id: str) -> ThreadEntry:
        """Read what is known of a thread."""
        with self._lock:
            entry = self._threads.get(thread_id, ThreadEntry())
            return replace(entry, version=self._versions.get(thread_id, 0))

    def forget_thread(self, thread_id: str) -> bool:
        """Drop what is known of a thread."""
        with self._lock:
            self._drop_ended(self._clock())
            self._versions[thread_id] = self._versions.get(thread_id, 0) + 1
            return self._threads.pop(thread_id, None) is not None

    def beat(self, worker: Worker) -> None:
        """Note that a worker lives."""
        with self._lock:
            self._workers[worker.name] = replace(worker, seen=self._clock())

    def retire(self, name: str) -> None:
        """Forget a worker."""
        with self._lock:
            self._workers.pop(name, None)

    def workers(self) -> list[Worker]:
        """List the live workers by name."""
        with self._lock:
            oldest = self._clock() - WORKER_TTL_S
            return sorted((w for w in self._workers.values() if w.seen >= oldest), key=lambda w: w.name)
