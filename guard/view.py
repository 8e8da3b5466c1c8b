"""This process's own last sight of the record, so that a decision costs no trip to the store."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from threading import Lock

from guard.core.events import Event, Policy
from guard.core.machine import step
from guard.core.record import EMPTY
from guard.errors import StoreUnavailable
from guard.store.protocol import Applied, Store

__all__ = ["VIEW_AGE_S_MAX", "RecordView"]

VIEW_AGE_S_MAX = 1.0
"""A view older than this is refreshed before it is used, seconds: an operator's command is seen within it."""


class RecordView:
    """Keeps the newest answer of a store and applies events through it.

    While the store is away, events are applied to the last known record in this process alone.

    Args:
        store: gives the store of this process; called again after a fork.
        policy: thresholds and times, for steps made without the store.
        monotonic: gives seconds that never jump.
        on_store: called with None when the store answers and with the error when it does not.
    """

    def __init__(
        self,
        store: Callable[[], Store],
        policy: Policy,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        on_store: Callable[[StoreUnavailable | None], None] = lambda error: None,
    ) -> None:
        self._store = store
        self._policy = policy
        self._monotonic = monotonic
        self._on_store = on_store
        self._forget()

    def _forget(self) -> None:
        self._pid = os.getpid()
        self._refreshing = Lock()
        self._seen = Applied(record=EMPTY, now=0.0)
        self._seen_at = float("-inf")

    def get(self) -> Applied:
        """The record at most ``VIEW_AGE_S_MAX`` old, with ``now`` moved on to the present."""
        if self._pid != os.getpid():
            self._forget()
        age = self._monotonic() - self._seen_at
        if age > VIEW_AGE_S_MAX:
            self._refresh(wait=age == float("inf"))
            age = self._monotonic() - self._seen_at
        return Applied(record=self._seen.record, now=self._seen.now + max(age, 0.0))

    def _refresh(self, *, wait: bool) -> None:
        if not self._refreshing.acquire(blocking=wait):
            return  # another thread is at it; what is known serves meanwhile
        try:
            if self._monotonic() - self._seen_at <= VIEW_AGE_S_MAX:
                return
            self._keep(self._store().snapshot())
            self._on_store(None)
        except StoreUnavailable as error:
            self._on_store(error)
            known = self._seen if self._seen.now else Applied(record=EMPTY, now=time.time())
            self._keep(Applied(record=known.record, now=known.now + self._since_seen()))
        finally:
            self._refreshing.release()

    def _since_seen(self) -> float:
        since = self._monotonic() - self._seen_at
        return 0.0 if since == float("inf") else since

    def apply(self, event: Event) -> Applied:
        """Apply an event in the store, or to the last known record if it is away."""
        try:
            applied = self._store().apply(event)
            self._on_store(None)
        except StoreUnavailable as error:
            self._on_store(error)
            seen = self.get()
            record, effects = step(seen.record, event, seen.now, self._policy)
            applied = Applied(record=record, now=seen.now, effects=effects)
        self._keep(applied)
        return applied

    def _keep(self, applied: Applied) -> None:
        if applied.now >= self._seen.now:
            self._seen = applied
            self._seen_at = self._monotonic()
