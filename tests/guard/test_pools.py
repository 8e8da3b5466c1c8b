"""Prefork, threads and greenlets: calls under way stay bounded, and every place comes back."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

from guard import MemoryService, read_settings
from guard.core.events import AcquireProbe, Force, Report
from guard.core.modes import Reason
from guard.core.table import Outcome
from guard.metrics.exposition import render
from guard.store.memory import MemoryStore
from guard.zep.calls import Answer, ZepFailure
from tests.guard.test_service import FLAGS

THREADS = 32
CALLS = 4


class CrowdedZep:
    """Holds each call until a test lets all go, and knows the most that were there together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._here = 0
        self.most = 0
        self.let_go = threading.Event()
        self.answers: Callable[[], Answer] = lambda: Answer(text="tea")

    @property
    def here(self) -> int:
        return self._here

    def read_context(self, thread_id: str) -> Answer:
        with self._lock:
            self._here += 1
            self.most = max(self.most, self._here)
        try:
            self.let_go.wait(20)
            return self.answers()
        finally:
            with self._lock:
                self._here -= 1


class Interrupted(BaseException):
    """As a task's time limit."""


def fails(error: BaseException) -> Callable[[], Answer]:
    def answer() -> Answer:
        raise error

    return answer


def rejections(service: MemoryService) -> float:
    name = 'memory_zep_bulkhead_rejections_total{operation="read"} '
    lines = render(service)[0].decode().splitlines()
    return next(float(line.removeprefix(name)) for line in lines if line.startswith(name))


@pytest.mark.parametrize(
    "ends",
    [None, ZepFailure(Outcome.TIMEOUT, "stub"), ZepFailure(Outcome.AUTH, "stub"), RuntimeError("a bug"), Interrupted()],
    ids=["answer", "timeout", "auth", "bug", "interrupted"],
)
def test_a_pool_of_threads_sends_so_many_calls_at_once_and_has_all_places_back(
    environ: dict[str, str], wait_for: Callable[..., Any], ends: BaseException | None
) -> None:
    environ |= {"ZEPGUARD_CALLS_MAX": str(CALLS), "ZEPGUARD_FAILURE_THRESHOLD": "1000"}
    zep = CrowdedZep()
    service = MemoryService(read_settings(environ), zep=lambda: zep)  # type: ignore[arg-type,return-value]
    service.mode()
    before = rejections(service)
    if ends is not None:
        zep.answers = fails(ends)

    def read(number: int) -> str:
        try:
            return service.read_context(user_id="u", thread_id=f"t{number}").detail
        except (RuntimeError, Interrupted) as error:
            return type(error).__name__

    with ThreadPoolExecutor(THREADS) as pool:
        reads = [pool.submit(read, number) for number in range(THREADS)]
        wait_for(lambda: sum(one.done() for one in reads) == THREADS - CALLS)
        assert zep.here == CALLS
        zep.let_go.set()
        details = Counter(one.result() for one in reads)
        assert zep.most == CALLS
        assert details["bulkhead_full"] == THREADS - CALLS
        assert rejections(service) == before + THREADS - CALLS

    assert {operation: len(free) for operation, free in service.engine._free.items()} == {"read": CALLS, "write": CALLS}
    service.close()


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("stage", [AcquireProbe, Report])
def test_a_lease_comes_back_from_a_turn_that_was_interrupted_while_the_store_was_asked(
    clock: Any, stage: type, done: bool
) -> None:
    """A greenlet's timeout strikes there too: whether the store had done it or not, nobody waits for the lease."""
    settings = read_settings(FLAGS)
    memory, zep = MemoryStore(settings.policy, clock=clock), CrowdedZep()
    zep.let_go.set()
    memory.apply(Force(reason=Reason.MANUAL, ttl_s=60))
    clock += 61
    service = MemoryService(settings, store=lambda: memory, zep=lambda: zep, monotonic=clock)  # type: ignore[arg-type,return-value]
    apply, struck = memory.apply, []

    def strike(event: Any) -> Any:
        if isinstance(event, stage) and not struck:
            struck.append(event)
            if done:
                apply(event)
            raise Interrupted
        return apply(event)

    memory.apply = strike  # type: ignore[method-assign]
    with pytest.raises(Interrupted):
        service.read_context(user_id="u", thread_id="t")
    assert memory.snapshot().record.lease == ""
    assert service.read_context(user_id="u", thread_id="t").text == "tea"


def test_workers_that_are_forked_under_load_have_places_and_connections_of_their_own(
    start_child: Callable[..., Any], environ: dict[str, str], fakezep: Any, valkey: redis.Redis
) -> None:
    """The parent's bulkhead is full at each fork; none of it is the child's."""
    fakezep.call("PUT", "/latency", {"seconds": 0.05, "route": "context"})
    environ |= {"ZEPGUARD_CALLS_MAX": "8", "ZEP_TIMEOUT_MS": "10000"}
    child = start_child("prefork.py", environ)
    told = child.json()
    assert child.end() == 0
    assert told["ends"] == [0, 0, 0, 0]
    for one in told["children"]:
        assert one == {"empty not_found": 16}
    assert told["mode"] == "read_write"
    assert set(told["parent"]) <= {"empty", "skipped"}


def test_greenlets_are_bounded_and_give_back_what_they_hold_when_timed_out_or_killed(
    start_child: Callable[..., Any], environ: dict[str, str], fakezep: Any
) -> None:
    pytest.importorskip("gevent")
    fakezep.call("PUT", "/latency", {"seconds": 0.4, "route": "context"})
    environ |= {"ZEPGUARD_CALLS_MAX": "6", "ZEP_TIMEOUT_MS": "10000"}
    child = start_child("greenlets.py", environ)
    told = child.json()
    assert child.end() == 0
    assert told["full"] == {"empty not_found": 6, "skipped bulkhead_full": 12}
    assert told["rejected"] == 12
    assert told["ticks"] > 5
    assert told["timeouts"] == {"timed out": 6}
    assert told["after"] == {"empty not_found": 6}
    assert told["places"] == [3] * 5
    assert (told["probe"], told["lease"]) == ("timed out", "")
    assert (told["next probe"], told["reason"]) == ("empty not_found", None)
