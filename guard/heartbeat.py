"""A process's sign of life in the store, with the base mode that it runs with."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread

from guard.core.worker import Worker
from guard.errors import StoreUnavailable
from guard.store.protocol import Store

__all__ = ["HEARTBEAT_S", "Heartbeat"]

HEARTBEAT_S = 1.0


class Heartbeat:
    """Beats each ``HEARTBEAT_S`` seconds in a daemon thread, until stopped.

    Args:
        worker: what to say.
        store: gives the store.
        on_store: told whether the store answered.
    """

    def __init__(
        self,
        worker: Worker,
        store: Callable[[], Store],
        *,
        on_store: Callable[[StoreUnavailable | None], None],
    ) -> None:
        self._worker = worker
        self._store = store
        self._on_store = on_store
        self._stopped = Event()
        self._beaten = False
        self._thread = Thread(target=self._run, name="zepguard-heartbeat", daemon=True)

    def start(self, *, wait: bool = True) -> None:
        """Beat now, then go on in the background.

        Args:
            wait: for the first beat; an event loop cannot.
        """
        if wait:
            self._beat()
        self._thread.start()

    def stop(self) -> None:
        """Stop, and take the worker off the list."""
        self._stopped.set()
        self._thread.join(timeout=2 * HEARTBEAT_S)
        try:
            self._store().retire(self._worker.name)
        except StoreUnavailable as error:
            self._on_store(error)

    def _run(self) -> None:
        if not self._beaten:
            self._beat()
        while not self._stopped.wait(HEARTBEAT_S):
            self._beat()

    def _beat(self) -> None:
        self._beaten = True
        try:
            self._store().beat(self._worker)
            self._on_store(None)
        except StoreUnavailable as error:
            self._on_store(error)
