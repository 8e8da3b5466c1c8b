"""The delivery of claimed messages, and the loop that polls for them.

In order per thread, threads in parallel, each message once as far as v3 allows: it has no safe replay (contract,
section 6). A request that was given up may still be applied later, so a message of unknown fate is looked up by its
outbox id and, if it is absent, sent again only ``ZEPGUARD_OUTBOX_SETTLE_S`` after the last moment at which it can have
been sent, and after a last look. No message is there twice if Zep applies a request within that time; one that was sent
again is marked and counted as *unknown*, since the first request may land later still.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore, Event
from typing import TYPE_CHECKING, Any

from guard.core.table import Outcome
from guard.engine import BULKHEAD_FULL
from guard.logs import get_logger
from guard.metrics import instruments
from guard.outbox.rows import Batch, OutboxRows, Row
from guard.zep.calls import OutgoingMessage, ZepFailure

if TYPE_CHECKING:
    from guard.core.settings import Settings
    from guard.engine import WriteResult
    from guard.service import MemoryService

__all__ = [
    "CALLS_A_BATCH_MAX",
    "LOOK_UP_COUNT",
    "POLL_S",
    "SAID_AGAIN_S",
    "TIDY_S",
    "DeliveryLoop",
    "backoff_s",
    "deliver",
]

POLL_S = 0.5
"""How often the table is asked when nobody nudges, seconds."""

CALLS_A_BATCH_MAX = 10
"""A claim lives a little longer than so many deadlines: look-up, messages, thread, user, thread, and then 30, 15, 7, 3
and 1 messages to find one that is refused. What is left of a batch after that has its turn in the next claim."""

LOOK_UP_COUNT = 100
"""Newest messages of a thread among which one of unknown fate is looked for (contract, section 5)."""

SAID_AGAIN_S = 60.0
"""How often the log says that the table is away, seconds."""

TIDY_S = 60.0
"""How often what is old enough is deleted, seconds."""

_TIDY_ROWS = 1000
_NOT_THE_MESSAGE = frozenset({402, 405, 407, 409, 421, 423, 425, 426, 451})
"""Refusals that say nothing against a message: the account, the route, a conflict. Those are tried again."""


def backoff_s(attempts: int, *, first_s: float, longest_s: float, draw: float) -> float:
    """Seconds to wait after so many failed attempts: doubling, bounded, less up to a quarter by ``draw`` in [0, 1)."""
    doubled = first_s * 2.0 ** min(attempts - 1, 30)
    return min(doubled, longest_s) * (1 - 0.25 * draw)


class _NotSent(Exception):
    """The bulkhead or the time left of the claim said no."""


class _Stopped(_NotSent):
    """The mode or the breaker said no: to this message as to all others."""


class _Unsettled(Exception):
    """A request of unknown fate may still land, until ``at`` (unix seconds)."""

    def __init__(self, at: float) -> None:
        super().__init__("waits to see whether an earlier request is applied late")
        self.at = at


def _is_final(failure: ZepFailure) -> bool:
    """Whether Zep will never take what it just refused."""
    return failure.outcome is Outcome.REFUSED and failure.status not in _NOT_THE_MESSAGE


class _Delivery:
    """The calls of one batch, each under the write breaker; what Zep has is written down after each."""

    def __init__(self, service: MemoryService, rows: OutboxRows, batch: Batch, clock: Callable[[], float]) -> None:
        self._service = service
        self._rows = rows
        self._batch = batch
        self._clock = clock
        self.unsure: frozenset[int] = frozenset()
        """Keys of the rows whose last request may have been applied, although it failed."""

    def run(self) -> None:
        """Deliver or bury each row; raises at the first failure that is to be tried again."""
        missing = self._missing()
        self._note_delivered([row for row in self._batch.rows if row not in missing])
        settles_at = max((row.settles_at for row in missing), default=0.0)
        if settles_at > self._clock():
            raise _Unsettled(settles_at)
        again = [row.key for row in missing if row.settles_at]
        if again:
            instruments.OUTBOX_UNKNOWN.inc(self._rows.sending_again(self._batch, again))
        if missing:
            self._send(missing)

    def _missing(self) -> Sequence[Row]:
        """The rows that Zep does not have yet, by look-up where one is unsure."""
        if not any(row.unsure for row in self._batch.rows):
            return self._batch.rows
        thread_id = self._batch.thread_id
        found = self._done(self._service.write(thread_id, lambda z: z.newest_messages(thread_id, LOOK_UP_COUNT)))
        there = {message.outbox_id for message in found}
        return [row for row in self._batch.rows if row.outbox_id not in there]

    def _send(self, rows: Sequence[Row]) -> None:
        """Add the rows; if Zep refuses them, the first half and then the second, down to the one that it means."""
        try:
            self._add_to_thread(rows)
        except ZepFailure as failure:
            if not _is_final(failure):
                raise
            if len(rows) == 1:
                self._bury(rows, failure)
                return
            half = len(rows) // 2
            self._send(rows[:half])
            self._send(rows[half:])
        else:
            self._note_delivered(rows)

    def _add_to_thread(self, rows: Sequence[Row]) -> None:
        """Make user and thread if Zep does not know them."""
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
        result = self._service.write(thread_id, lambda zep: zep.add_messages(thread_id, messages))
        if result.failure is not None and result.failure.ambiguous:
            self.unsure = frozenset(row.key for row in rows)
        self._done(result)

    def _make_thread(self) -> None:
        user_id, thread_id = self._batch.user_id, self._batch.thread_id
        made = self._done(self._service.write(thread_id, lambda zep: zep.ensure_thread(thread_id, user_id)))
        if not made:
            self._done(self._service.write(thread_id, lambda zep: zep.ensure_user(user_id)))
            self._done(self._service.write(thread_id, lambda zep: zep.ensure_thread(thread_id, user_id)))

    def _done(self, result: WriteResult) -> Any:
        if not result.sent:
            raise (_NotSent if result.detail == BULKHEAD_FULL else _Stopped)(result.detail)
        if result.failure is not None:
            raise result.failure
        return result.value

    def _note_delivered(self, rows: Sequence[Row]) -> None:
        if rows:
            news = self._rows.delivered(self._batch, [row.key for row in rows], now=self._clock())
            instruments.OUTBOX_DELIVERED.inc(news)

    def _bury(self, rows: Sequence[Row], failure: ZepFailure) -> None:
        for row in rows:
            if self._rows.bury(self._batch, row.key, reason=f"{failure.outcome}: {failure}", now=self._clock()):
                instruments.OUTBOX_DEAD.inc()
                get_logger("guard.outbox").error(
                    "message_is_dead", outbox_id=row.outbox_id, thread_id=self._batch.thread_id, reason=str(failure)
                )


def deliver(
    service: MemoryService,
    rows: OutboxRows,
    batch: Batch,
    *,
    clock: Callable[[], float] | None = None,
    draw: Callable[[], float] = random.random,
    stopped: Callable[[], None] = lambda: None,
) -> bool:
    """Deliver one claimed batch, or put back what is left of it; gives whether nothing was left.

    A message that Zep refuses for good (400, 413) becomes a dead letter; the others of its batch go on.

    Args:
        service: the guard.
        rows: the table.
        batch: what was claimed.
        clock: gives unix seconds; by default the table's.
        draw: gives the jitter, in [0, 1).
        stopped: called where mode or breaker allowed no call, and so none of any other message.
    """
    clock = clock or rows.now
    delivery = _Delivery(service, rows, batch, clock)
    settings = service.settings
    try:
        delivery.run()
    except _NotSent as no:
        if isinstance(no, _Stopped):
            stopped()
        rows.put_back(batch, not_before=clock() + POLL_S, error=str(no), attempted=False)
        return False
    except _Unsettled as unsettled:
        at = min(clock() + _backoff_s(settings, batch, draw), unsettled.at)
        rows.put_back(batch, not_before=at, error=str(unsettled), attempted=True)
        return False
    except ZepFailure as failure:
        now = clock()
        left = rows.put_back(
            batch,
            not_before=now + max(_backoff_s(settings, batch, draw), failure.retry_after_s),
            error=f"{failure.outcome}: {failure}",
            attempted=True,
            unsure=delivery.unsure,
            settles_at=now + settings.outbox_settle_s,
        )
        instruments.OUTBOX_RETRIED.inc(left)
        return False
    return True


def _backoff_s(settings: Settings, batch: Batch, draw: Callable[[], float]) -> float:
    return backoff_s(
        batch.attempts, first_s=settings.outbox_backoff_s, longest_s=settings.outbox_backoff_max_s, draw=draw()
    )


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
        self._parallel = min(parallel, service.settings.calls_max)  # one more would find the bulkhead full
        self._between = between
        self._wake = Event()
        self._lease_s = CALLS_A_BATCH_MAX * service.settings.timeout_s + 1.0
        self._tidy_at = 0.0
        self._claim_at = 0.0
        self._said_at = float("-inf")

    def nudge(self) -> None:
        """Look at the table now rather than at the next poll."""
        self._wake.set()

    def run(self, stop: Event) -> None:
        """Deliver until ``stop`` is set, and delete what is old enough; batches under way are finished first."""
        free = BoundedSemaphore(self._parallel)
        with ThreadPoolExecutor(self._parallel, thread_name_prefix="zepguard-delivery") as pool:
            while not stop.is_set():
                self._tidy()
                free.acquire()
                batch = self._claim()
                if batch is None:
                    free.release()
                    self._wake.wait(POLL_S)
                    self._wake.clear()
                    continue
                pool.submit(self._deliver, batch, free)

    def _claim(self) -> Batch | None:
        if not self._service.base_mode.writes or time.monotonic() < self._claim_at:
            return None
        try:
            return self._rows.claim(
                now=self._rows.now(), lease_s=self._lease_s, settle_s=self._service.settings.outbox_settle_s
            )
        except Exception as error:
            # The database may be away for a while; the rows are safe in it, and the next poll asks again.
            self._say_away(error)
            return None
        finally:
            self._clean_up()

    def _say_away(self, error: Exception) -> None:
        now = time.monotonic()
        if now - self._said_at >= SAID_AGAIN_S:
            self._said_at = now
            get_logger("guard.outbox").error("outbox_unavailable", error=type(error).__name__)

    def _clean_up(self) -> None:
        try:
            self._between()
        except Exception as error:  # the app's own affair, and no end of the delivery
            self._say_away(error)

    def _hold_on(self) -> None:
        """Claim nothing until the next poll: what stopped one message stops all, and a backlog holds many threads."""
        self._claim_at = time.monotonic() + POLL_S

    def _tidy(self) -> None:
        """Delete once a minute, or again at once while there is more than one go takes."""
        settings = self._service.settings
        if time.monotonic() < self._tidy_at:
            return
        self._tidy_at = time.monotonic() + TIDY_S
        try:
            gone = self._rows.tidy(
                now=self._rows.now(),
                keep_s=settings.outbox_keep_s,
                dead_keep_s=settings.outbox_dead_keep_s,
                settle_s=settings.outbox_settle_s,
                limit=_TIDY_ROWS,
            )
        except Exception as error:
            get_logger("guard.outbox").error("outbox_not_tidied", error=type(error).__name__)
        else:
            if gone >= _TIDY_ROWS:
                self._tidy_at = 0.0
        finally:
            self._clean_up()

    def _deliver(self, batch: Batch, free: BoundedSemaphore) -> None:
        try:
            deliver(self._service, self._rows, batch, stopped=self._hold_on)
        except Exception as error:
            # The claim's lease runs out and the rows are looked up before they are sent again.
            get_logger("guard.outbox").error("delivery_failed", error=type(error).__name__)
        finally:
            free.release()  # first: the loop must have its place back whatever the app's own clean-up does
            self._wake.set()
            self._between()
