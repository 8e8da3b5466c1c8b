"""A store for one process: tests, scripts, and apps without Redis. Same contract, a lock in place of Lua."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Lock

from guard.core.events import Effect, EffectKind, Event, Expire, Policy, Report
from guard.core.machine import step
from guard.core.record import EMPTY, Record
from guard.core.table import Pause, rule_for
from guard.core.worker import Worker
from guard.store.protocol import CONTEXT_CHARACTERS_MAX, VERSION_TTL_S, WORKER_TTL_S, Applied, Kept, ThreadEntry

__all__ = ["MemoryStore"]

_SWEEP_S = 1.0


@dataclass(slots=True)
class _Thread:
    pause_until: float = 0.0
    why: Pause = Pause.NONE
    version: int = 0
    version_until: float = 0.0
    contexts: dict[str, Kept] = field(default_factory=dict)


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
        self._threads: dict[str, _Thread] = {}
        self._refreshing: dict[str, float] = {}
        self._workers: dict[str, Worker] = {}
        self._swept_at = 0.0

    def snapshot(self) -> Applied:
        """Read the record."""
        with self._lock:
            return Applied(record=self._record, now=self._clock())

    def apply(self, event: Event) -> Applied:
        """Apply one event under the lock."""
        with self._lock:
            now = self._clock()
            if isinstance(event, Expire) and any(w.reads and w.base.reads for w in self._live(now)):
                return Applied(record=self._record, now=now, effects=(Effect(EffectKind.STALE),))
            self._record, effects = step(self._record, event, now, self._policy)
            if isinstance(event, Report) and event.thread_id:
                self._sweep(now)
                self._pause(event, now)
                self._keep(event, now)
            return Applied(record=self._record, now=now, effects=effects)

    def _pause(self, event: Report, now: float) -> None:
        pause_s = self._policy.pause_s(event)
        if pause_s <= 0:
            return
        entry = self._threads.setdefault(event.thread_id, _Thread())
        dropped = event.thread_version not in (None, entry.version)
        if not dropped and now + pause_s > entry.pause_until:
            entry.pause_until = now + pause_s
            entry.why = rule_for(event.ticket.operation, event.outcome, event.ticket.phase).pause

    def _keep(self, event: Report, now: float) -> None:
        if 0 < len(event.context) <= CONTEXT_CHARACTERS_MAX and event.epoch == self._record.epoch:
            entry = self._threads.setdefault(event.thread_id, _Thread())
            entry.contexts[event.user_id] = Kept(event.context, now)

    def _alive(self, entry: _Thread, now: float) -> bool:
        return entry.version_until > now or self._known(entry, now)

    def _known(self, entry: _Thread, now: float) -> bool:
        oldest = now - self._policy.cache_stale_s
        return entry.pause_until > now or any(kept.at > oldest for kept in entry.contexts.values())

    def _sweep(self, now: float) -> None:
        """Forget what is over, as the keys of a shared store expire; about once a second, for it walks all."""
        if abs(now - self._swept_at) < _SWEEP_S:
            return
        self._swept_at = now
        self._threads = {thread: entry for thread, entry in self._threads.items() if self._alive(entry, now)}
        self._refreshing = {thread: until for thread, until in self._refreshing.items() if until > now}

    def thread_entry(self, thread_id: str, user_id: str = "") -> ThreadEntry:
        """Read what is known of a thread."""
        with self._lock:
            entry = self._threads.get(thread_id)
            if entry is None or not self._alive(entry, self._clock()):
                return ThreadEntry()
            kept = entry.contexts.get(user_id)
            return ThreadEntry(pause_until=entry.pause_until, why=entry.why, version=entry.version, kept=kept)

    def claim_refresh(self, thread_id: str, *, lease_s: float) -> bool:
        """Be the one that refreshes a thread's stale context."""
        with self._lock:
            now = self._clock()
            if self._refreshing.get(thread_id, 0.0) > now:
                return False
            self._refreshing[thread_id] = now + lease_s
            return True

    def forget_thread(self, thread_id: str) -> bool:
        """Drop what is known of a thread."""
        with self._lock:
            now = self._clock()
            entry = self._threads.get(thread_id, _Thread())
            self._threads[thread_id] = _Thread(version=entry.version + 1, version_until=now + VERSION_TTL_S)
            self._record = replace(self._record, epoch=self._record.epoch + 1)
            return self._known(entry, now)

    def forget_user(self, user_id: str) -> int:
        """Drop every context kept for a user."""
        with self._lock:
            self._record = replace(self._record, epoch=self._record.epoch + 1)
            return sum(entry.contexts.pop(user_id, None) is not None for entry in self._threads.values())

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
            return sorted(self._live(self._clock()), key=lambda w: w.name)

    def _live(self, now: float) -> list[Worker]:
        return [worker for worker in self._workers.values() if worker.seen >= now - WORKER_TTL_S]
