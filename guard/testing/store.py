"""A store that goes away, is slow or forgets when a test says so; for sync and async code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from guard.core.events import Event, Policy
from guard.core.record import Record
from guard.core.worker import Worker
from guard.errors import StoreUnavailable
from guard.store.async_memory import AsyncMemoryStore
from guard.store.memory import MemoryStore
from guard.store.protocol import Applied, Store, ThreadEntry
from guard.testing.clock import FakeClock

__all__ = ["AsyncFakeStore", "FakeStore"]

T = TypeVar("T")


class FakeStore:
    """A ``Store`` in this process, with switches. Give one to several services, and they are a fleet.

    >>> clock = FakeClock()
    >>> store = FakeStore(clock)
    >>> store.away()
    >>> store.snapshot()
    Traceback (most recent call last):
    guard.errors.StoreUnavailable: the fake store is away
    >>> store.back()
    >>> store.snapshot().now == clock.wall()
    True
    >>> store.asked["snapshot"]
    2

    Args:
        clock: gives the store's time; ``slow`` lets it pass.
        policy: thresholds and times of the steps.
        open_store: opens the store behind the switches, empty, and again at each ``flush``; in process by default.

    Attributes:
        asked: how often each method was called, those that failed too.
    """

    def __init__(
        self, clock: FakeClock, policy: Policy | None = None, *, open_store: Callable[[], Store] | None = None
    ) -> None:
        self._clock = clock
        self._open = open_store or (lambda: MemoryStore(policy, clock=clock.wall))
        self._store = self._open()
        self._away = False
        self._loses_answers = False
        self._slow_s = 0.0
        self.asked: Counter[str] = Counter()

    # -- switches ----------------------------------------------------------------------------------------------------

    def away(self) -> None:
        """From now on each question fails, and nothing is done."""
        self._away = True

    def loses_answers(self) -> None:
        """From now on each question is done, and fails: the answer is lost on its way back."""
        self._loses_answers = True

    def slow(self, seconds: float) -> None:
        """From now on each question takes so many seconds of the clock."""
        self._slow_s = seconds

    def back(self) -> None:
        """Answer again, at once; what was kept is still there."""
        self._away = self._loses_answers = False
        self._slow_s = 0.0

    def flush(self) -> None:
        """Forget everything, as ``FLUSHALL`` or a failover to an empty replica does."""
        self._store = self._open()

    @property
    def is_away(self) -> bool:
        """Whether questions fail now."""
        return self._away or self._loses_answers

    @property
    def record(self) -> Record:
        """The fleet's record, seen past the switches."""
        return self._store.snapshot().record

    # -- the protocol ------------------------------------------------------------------------------------------------

    def _ask(self, name: str, question: Callable[[], T]) -> T:
        self.asked[name] += 1
        self._clock.advance(self._slow_s)
        if self._away:
            raise StoreUnavailable("the fake store is away")
        answer = question()
        if self._loses_answers:
            raise StoreUnavailable("the fake store did it, and its answer was lost")
        return answer

    def snapshot(self) -> Applied:
        """See ``Store``."""
        return self._ask("snapshot", self._store.snapshot)

    def apply(self, event: Event) -> Applied:
        """See ``Store``."""
        return self._ask("apply", lambda: self._store.apply(event))

    def thread_entry(self, thread_id: str, user_id: str = "") -> ThreadEntry:
        """See ``Store``."""
        return self._ask("thread_entry", lambda: self._store.thread_entry(thread_id, user_id))

    def claim_refresh(self, thread_id: str, *, lease_s: float) -> bool:
        """See ``Store``."""
        return self._ask("claim_refresh", lambda: self._store.claim_refresh(thread_id, lease_s=lease_s))

    def forget_thread(self, thread_id: str) -> bool:
        """See ``Store``."""
        return self._ask("forget_thread", lambda: self._store.forget_thread(thread_id))

    def forget_user(self, user_id: str) -> int:
        """See ``Store``."""
        return self._ask("forget_user", lambda: self._store.forget_user(user_id))

    def beat(self, worker: Worker) -> None:
        """See ``Store``."""
        self._ask("beat", lambda: self._store.beat(worker))

    def retire(self, name: str) -> None:
        """See ``Store``."""
        self._ask("retire", lambda: self._store.retire(name))

    def workers(self) -> list[Worker]:
        """See ``Store``."""
        return self._ask("workers", self._store.workers)


class AsyncFakeStore(AsyncMemoryStore):
    """A ``FakeStore`` for coroutines: same state, same switches."""
