"""What an operator can do to the mode; ``zep_mode`` is its command line."""

from __future__ import annotations

import time
from collections.abc import Callable

from guard.core.events import Clear, Event, Force, ResetFailures
from guard.core.ids import check_id
from guard.core.modes import check_ttl_s, parse_reason
from guard.core.status import Status
from guard.notices import Transition
from guard.service import MemoryService
from guard.sight import VIEW_AGE_S_MAX
from guard.store.protocol import Applied
from guard.telemetry import Telemetry

__all__ = ["Operator"]


class Operator:
    """Acts on the store itself, past every view; raises ``StoreUnavailable`` if it does not answer.

    Args:
        service: whose settings and store are used.
        pause: waits so many seconds; an action returns once every live worker has seen it.
        telemetry: told of what was done.
    """

    def __init__(
        self,
        service: MemoryService,
        *,
        pause: Callable[[float], None] = time.sleep,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._service = service
        self._pause = pause
        self._telemetry = telemetry or Telemetry()

    def status(self) -> Status:
        """Read the record and the live workers."""
        store = self._service.patient_store()
        seen = store.snapshot()
        return Status(
            shell_base=self._service.base_mode,
            record=seen.record,
            now=seen.now,
            workers=store.workers(),
            failure_threshold=self._service.settings.failure_threshold,
        )

    def force(self, reason: str, ttl_s: float) -> Applied:
        """Hold ``write_only`` for ``ttl_s`` seconds.

        Raises:
            UnknownReason: naming the reason and the ones that exist.
            HoldOutOfRange: outside 1 s to 24 h.
        """
        return self._act(Force(reason=parse_reason(reason), ttl_s=check_ttl_s(ttl_s), operator=True))

    def clear(self) -> Applied:
        """End the forced mode, and set the failure count to 0."""
        return self._act(Clear())

    def reset_failures(self) -> Applied:
        """Set the failure count to 0, and that of the read breaker, which closes."""
        return self._act(ResetFailures())

    def invalidate(self, thread_id: str) -> bool:
        """Drop what all workers know of a thread; gives whether there was anything.

        Raises:
            UnsafeId: an id that no thread can have.
        """
        store = self._service.patient_store()
        dropped = store.forget_thread(check_id("thread", thread_id))
        self._pause(VIEW_AGE_S_MAX)  # until no worker has it in its own layer either
        return dropped

    def _act(self, event: Event) -> Applied:
        store = self._service.patient_store()
        applied = store.apply(event)
        self._telemetry.tell(Transition(effects=applied.effects, record=applied.record, now=applied.now))
        # Whoever is alive or not: a store that lost its data does not list the workers until their next heartbeat.
        self._pause(VIEW_AGE_S_MAX)
        return applied
