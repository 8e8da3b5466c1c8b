"""The delivery loop's thread in the delivery worker, and the nudge that wakes it.

The database is the truth: the loop polls it. A nudge only saves the wait for the next poll, so one that is lost costs
nothing, and at most one is under way at a time (a queue that nobody reads must not grow).
"""

from __future__ import annotations

from contextlib import suppress
from threading import Event, Thread
from typing import TYPE_CHECKING

from kombu.exceptions import KombuError
from redis import RedisError

from chatapp.turns.mailbox import post_office
from guard import MemoryService
from guard.logs import get_logger

if TYPE_CHECKING:
    from guard.django.delivery import DeliveryLoop

__all__ = ["Deliveries", "deliveries", "nudge_arrived", "nudge_soon"]

_UNDER_WAY = "chatapp:nudge"
_NUDGE_S = 10
_STOP_S = 30.0


class Deliveries:
    """The loop of this process, in a thread of its own."""

    def __init__(self) -> None:
        self._stop = Event()
        self._loop: DeliveryLoop | None = None
        self._thread: Thread | None = None

    def start(self, service: MemoryService) -> None:
        """Start to deliver; a second call does nothing."""
        from guard.django.delivery import DeliveryLoop

        if self._thread is not None:
            return
        self._stop.clear()
        self._loop = DeliveryLoop(service)
        self._thread = Thread(target=self._loop.run, args=(self._stop,), name="deliveries", daemon=True)
        self._thread.start()

    def nudge(self) -> None:
        """Have the loop look at the database now."""
        if self._loop is not None:
            self._loop.nudge()

    def wind_down(self) -> None:
        """Start nothing new; what is under way goes on."""
        self._stop.set()
        self.nudge()

    def stop(self) -> None:
        """Wait for what is under way, 30 s at most; its claim protects what takes longer."""
        self.wind_down()
        if self._thread is not None:
            self._thread.join(_STOP_S)
        self._loop = self._thread = None


deliveries = Deliveries()


def nudge_soon() -> None:
    """Send the delivery worker a nudge, unless one is under way; never fails."""
    from chatapp.turns.tasks import nudge

    try:
        if post_office.client().set(_UNDER_WAY, 1, nx=True, ex=_NUDGE_S):
            nudge.apply_async(retry=False, expires=_NUDGE_S)
    except (KombuError, RedisError, OSError) as error:
        get_logger(__name__).info("nudge_not_sent", error=type(error).__name__)


def nudge_arrived() -> None:
    """Take the nudge that is under way; the next turn may send another."""
    with suppress(RedisError, OSError):  # it runs out by itself
        post_office.client().delete(_UNDER_WAY)
    deliveries.nudge()
