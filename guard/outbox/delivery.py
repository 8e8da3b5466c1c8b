"""The delivery of claimed messages, and the loop that polls for them.

In order per thread, threads in parallel, each message once as far as v3 allows: it has no safe replay (contract,
section 6), so a message whose fate is unknown is looked up by its outbox id before it is sent again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore, Event
from typing import TYPE_CHECKING

from guard.core.table import Outcome
from guard.logs import get_logger
from guard.outbox.rows import Batch, OutboxRows, Row
from guard.zep.calls import OutgoingMessage, ZepFailure

if TYPE_CHECKING:
    from guard.engine import WriteResult
    from guard.service import MemoryService

__all__ = ["CALLS_A_BATCH_MAX", "LOOK_UP_COUNT", "POLL_S", "DeliveryLoop", "backoff_s", "deliver"]

POLL_S = 0.5
"""How often the table is asked when nobody nudges, seconds."""

CALLS_A_BATCH_MAX = 6
"""Look-up, message, thread, user, thread, message: a claim lives a little longer than so many deadlines."""

LOOK_UP_COUNT = 100
"""Newest messages of a thread among which one of unknown fate is looked for."""


def backoff_s(attempts: int, *, first_s: float, longest_s: float, draw: float) -> float:
    """Seconds to wait after so many failed attempts: doubling, bounded, less up to a quarter by ``draw`` in [0, 1)."""
    doubled = first_s * 2.0 ** min(attempts - 1, 30)
    return min(doubled, longest_s) * (1 - 0.25 * draw)


class _NotSent(Exception):
    """The mode, the breaker or the time left of the claim said no."""


class _Sender:
    """Calls of one batch, each under the write breaker."""

    def __init__(self, service: MemoryService, batch: Batch, clock: Callable[[], float]) -> None:
        self._service = service
        self._batch = batch
        self._clock = clock

    def missing(self) -> Sequence[Row]:
        """The rows that Zep does not have yet, by look-up where one is unsure."""
        if not any(row.unsure for row in self._batch.rows):
            return self._batch.rows
        thread_id = self._batch.thread_id
        found = self._done(self._service.write(thread_id, lambda z: z.newest_messages(thread_id, LOOK_UP_COUNT)))
        there = {message.outbox_id for message in found}  # type: ignore[attr-defined]
        return [row for row in self._batch.rows if row.outbox_id not in there]

    def send(self, rows: Sequence[Row]) -> None:
        """Add the rows to their thread; makes user and thread if Zep does not know them."""
        try:
            self._add(rows)
        except ZepFailure as failure:
            if failure.outcome is not Outcome.NOT_FOUND:
                raise
            self._make_thread()
            self._add(rows)

    def _add(self, rows: Sequence[Row]) -> None:
        thread_id = self._batch.thread_id
        if self._clock() + self._service.settings.timeout_s > self._batch.until:
            raise _NotSent("claim_ran_out")  # held up so long, it could be on its way beside the next claim's look-up
        messages = [
            OutgoingMessage(outbox_id=r.outbox_id, role=r.role, content=r.content, created_at=r.created_at)
            for r in rows
        ]
        self._done(self._service.write(thread_id, lambda zep: zep.add_messages(thread_id, messages)))

    def _make_thread(self) -> None:
        user_id, thread_id = self._batch.user_id, self._batch.thread_id
        made = self._done(self._service.write(thread_id, lambda zep: zep.ensure_thread(thread_id, user_id)))
        if not made:
            self._done(self._service.write(thread_id, lambda zep: zep.ensure_user(user_id)))
            self._done(self._service.write(thread_id, lambda zep: zep.ensure_thread(thread_id, user_id)))

    def _done(self, result: WriteResult) -> object:
        if not result.sent:
            raise _NotSent(result.detail)
        if result.failure is not None:
            raise result.failure
        return result.value


def deliver(
    service: MemoryService,
    rows: OutboxRows,
    batch: Batch,
    *,
    clock: Callable[[], float] = time.time,
    draw: Callable[[], float] = random.random,
) -> bool:
    """Deliver one claimed batch, or put it back; gives whether Zep has it now.

    Args:
        service: the guard.
        rows: the table.
        batch: what was claimed.
        clock: gives unix seconds.
        draw: gives the jitter, in [0, 1).
    """
    sender = _Sender(service, batch, clock)
    settings = service.settings
    try:
        missing = sender.missing()
        there = [row.key for row in batch.rows if row not in missing]
        if there:
            rows.delivered(batch, there, now=clock())
        if missing:
            sender.send(missing)
            rows.delivered(batch, [row.key for row in missing], now=clock())
    except _NotSent as no:
        rows.put_back(batch, not_before=clock() + POLL_S, unsure=False, error=str(no), attempted=False)
        return False
    except ZepFailure as failure:
        wait_s = backoff_s(
            batch.attempts,
            first_s=settings.outbox_backoff_s,
            longest_s=settings.outbox_backoff_max_s,
            draw=draw(),
        )
        rows.put_back(
            batch,
            not_before=clock() + max(wait_s, failure.retry_after_s),
            unsure=failure.ambiguous,
            error=f"{failure.outcome}: {failure}",
            attempted=True,
        )
        return False
    return True


class DeliveryLoop:
    """Polls the table and delivers, a few threads of conversation at a time, until stopped.

    Args:
        service: the guard.
        rows: the table.
        parallel: batches under way at once.
        between: called in a delivering thread after each batch (to close stale database connections).
    """

    def __init__(
        self,
        service: MemoryService,
        rows: OutboxRows,
        *,
        parallel: int = 4,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        self._service = service
        self._rows = rows
        self._parallel = parallel
        self._between = between
        self._wake = Event()
        self._lease_s = CALLS_A_BATCH_MAX * service.settings.timeout_s + 1.0

    def nudge(self) -> None:
        """Look at the table now rather than at the next poll."""
        self._wake.set()

    def run(self, stop: Event) -> None:
        """Deliver until ``stop`` is set; batches under way are finished first."""
        free = BoundedSemaphore(self._parallel)
        with ThreadPoolExecutor(self._parallel, thread_name_prefix="zepguard-delivery") as pool:
            while not stop.is_set():
                free.acquire()
                batch = self._claim()
                if batch is None:
                    free.release()
                    self._wake.wait(POLL_S)
                    self._wake.clear()
                    continue
                pool.submit(self._deliver, batch, free)

    def _claim(self) -> Batch | None:
        if not self._service.base_mode.writes:
            return None
        try:
            return self._rows.claim(now=time.time(), lease_s=self._lease_s)
        except Exception as error:
            # The database may be away for a while; the rows are safe in it, and the next poll asks again.
            get_logger("guard.outbox").error("outbox_unavailable", error=type(error).__name__)
            return None
        finally:
            self._between()

    def _deliver(self, batch: Batch, free: BoundedSemaphore) -> None:
        try:
            deliver(self._service, self._rows, batch)
        except Exception as error:
            # The claim's lease runs out and the rows are looked up before they are sent again.
            get_logger("guard.outbox").error("delivery_failed", error=type(error).__name__)
        finally:
            self._between()
            free.release()
            self._wake.set()
