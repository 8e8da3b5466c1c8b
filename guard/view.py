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
"""A view as old as this is refreshed before it is used, seconds: an operator's command is seen within it."""


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
        self._known = (Applied(record=EMPTY, now=0.0), float("-inf"))  # one value: no thread sees half of a change

    def get(self) -> Applied:
        """The record at most ``VIEW_AGE_S_MAX`` old, with ``now`` moved on to the present."""
        if self._pid != os.getpid():
            self._forget()
        if self._age() >= VIEW_AGE_S_MAX:
            self._refresh(wait=self._age() == float("inf"))
        seen, seen_at = self._known
        return Applied(record=seen.record, now=seen.now + max(self._monotonic() - seen_at, 0.0))

    def _age(self) -> float:
        return self._monotonic() - self._known[1]

    def _refresh(self, *, wait: bool) -> None:
        if not self._refreshing.acquire(blocking=wait):
            return  # another thread is at it; what is known serves meanwhile
        try:
            if self._age() < VIEW_AGE_S_MAX:
                return
            asked_at = self._monotonic()
            self._keep(self._store().snapshot(), asked_at)
            self._on_store(None)
        except StoreUnavailable as error:
            self._on_store(error)
            self._keep(self._moved_on(), self._monotonic())
        finally:
            self._refreshing.release()

    def _moved_on(self) -> Applied:
        """What is known, at the present."""
        seen, seen_at = self._known
        if seen_at == float("-inf"):
            return Applied(record=EMPTY, now=time.time())
        return Applied(record=seen.record, now=seen.now + self._monotonic() - seen_at)

    def apply(self, event: Event) -> Applied:
        """Apply an event in the store, or to the last known record if it is away."""
        asked_at = self._monotonic()
        try:
            applied = self._store().apply(event)
            self._on_store(None)
        except StoreUnavailable as error:
            self._on_store(error)
            seen = self.get()
            record, effects = step(seen.record, event, seen.now, self._policy)
            applied, asked_at = Applied(record=record, now=seen.now, effects=effects), self._monotonic()
        self._keep(applied, asked_at)
        return applied

    def _keep(self, applied: Applied, asked_at: float) -> None:
        """Keep an answer, unless it was overtaken: of two under way at once the later by the store's time counts.

        One that was asked for after the other had come is the newer whatever its time: the store's clock may have
        been set back, or be another server's.
        """
        seen, seen_at = self._known
        if applied.now >= seen.now or asked_at >= seen_at:
            self._known = (applied, self._monotonic())
