"""The delivery worker in virtual time: its loop as events of the agenda, each batch a lane."""

from __future__ import annotations

from collections.abc import Callable

from guard.core.settings import Settings
from guard.django.models import OutboxMessage
from guard.django.outbox import DjangoRows
from guard.outbox.delivery import CALLS_A_BATCH_MAX, POLL_S, deliver
from guard.outbox.rows import Batch
from guard.service import MemoryService
from zepguard.worlds.sim.clock import VirtualClock

__all__ = ["Deliveries"]

_PARALLEL = 4
"""As in ``guard.outbox.delivery.DeliveryLoop``."""

_TIDY_S = 3600.0
"""The loop tidies each minute; a soak of a month would be at little else."""

_TIDY_ROWS = 1000


class Deliveries:
    """Delivers what the outbox holds.

    Args:
        clock: the world's.
        service: gives the delivery worker's service, or None while it does not run.
        draw: gives the backoff's jitter.
    """

    def __init__(
        self,
        clock: VirtualClock,
        service: Callable[[], MemoryService | None],
        *,
        draw: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._service = service
        self._draw = draw
        self._rows = DjangoRows()
        self._busy = 0
        self._claim_at = 0.0
        self._polling = False
        self._tidied_at = 0.0

    @property
    def waiting(self) -> bool:
        """Whether anything is not known to be delivered yet."""
        return OutboxMessage.objects.exclude(state=OutboxMessage.State.DELIVERED).exists()

    def nudge(self) -> None:
        """Look at the table as soon as the course at work sleeps."""
        self._clock.after(0, self._look)

    def poll(self) -> None:
        """Look at the table each half second from now on, for as long as something is undelivered."""
        if not self._polling:
            self._polling = True
            self._clock.after(POLL_S, self._polled)

    def _polled(self) -> None:
        self._polling = False
        self._look()
        if self.waiting:
            self.poll()

    def _look(self) -> None:
        service = self._service()
        if service is None or not service.base_mode.writes or self._clock.monotonic() < self._claim_at:
            return
        self._tidy(service.settings)
        lease_s = CALLS_A_BATCH_MAX * service.settings.timeout_s + 1.0
        while self._busy < _PARALLEL:
            batch = self._rows.claim(now=self._clock.time(), lease_s=lease_s, settle_s=service.settings.outbox_settle_s)
            if batch is None:
                return
            self._start(service, batch)

    def _tidy(self, settings: Settings) -> None:
        now = self._clock.time()
        if now - self._tidied_at >= min(_TIDY_S, settings.outbox_keep_s):
            self._tidied_at = now
            while (
                self._rows.tidy(
                    now=now,
                    keep_s=settings.outbox_keep_s,
                    dead_keep_s=settings.outbox_dead_keep_s,
                    settle_s=settings.outbox_settle_s,
                    limit=_TIDY_ROWS,
                )
                >= _TIDY_ROWS
            ):
                pass  # more than one go takes

    def _start(self, service: MemoryService, batch: Batch) -> None:
        def work() -> None:
            deliver(service, self._rows, batch, clock=self._clock.time, draw=self._draw, stopped=self._hold_on)

        self._busy += 1
        self._clock.start_lane(work, done=self._done)

    def _hold_on(self) -> None:
        """Claim nothing until the next poll, as the real loop."""
        self._claim_at = self._clock.monotonic() + POLL_S

    def _done(self) -> None:
        self._busy -= 1
        self.nudge()
