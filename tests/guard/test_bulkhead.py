"""Calls under way are bounded, and what is interrupted gives back what it held."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from guard import ContextStatus
from guard.core.events import AcquireProbe
from guard.metrics.instruments import REJECTED
from tests.guard.test_service import World, make, world

__all__ = ["make", "world"]


class Interrupted(BaseException):
    """As a soft time limit, a cancelled greenlet or Ctrl-C."""


def test_over_the_bound_a_read_is_skipped_and_counted(make: Callable[..., World]) -> None:
    world = make(ZEPGUARD_CALLS_MAX="2")
    depth: list[Any] = []

    def nest() -> None:
        depth.append(world.read(f"t{len(world.zep.asked)}"))

    world.zep.before = nest
    before = REJECTED["read"]._value.get()  # type: ignore[index]
    world.read("t0")
    assert (depth[0].status, depth[0].detail) == ("skipped", "bulkhead_full")
    assert len(world.zep.asked) == 2
    assert REJECTED["read"]._value.get() == before + 1  # type: ignore[index]
    world.zep.before = lambda: None
    for number in range(5):
        assert world.read(f"after {number}").status is ContextStatus.FRESH


def test_reads_never_take_the_place_of_writes(make: Callable[..., World]) -> None:
    world = make(ZEPGUARD_CALLS_MAX="1")
    done: list[Any] = []
    world.zep.before = lambda: done.append(world.service.write("t", lambda zep: "sent"))
    world.read()
    assert done[0].ok
    assert world.service.write("t", lambda zep: done.append(world.service.write("t", lambda zep: 1)) or 2).ok
    assert (done[1].sent, done[1].detail) == (False, "bulkhead_full")


@pytest.mark.parametrize("outcome", ["timeout", "auth", "rate_limited"])
def test_a_failed_call_gives_its_place_back(make: Callable[..., World], outcome: str) -> None:
    world = make(ZEPGUARD_CALLS_MAX="1", ZEPGUARD_FAILURE_THRESHOLD="100")
    world.zep.fails(outcome)
    for number in range(3):
        assert world.read(f"t{number}").detail != "bulkhead_full"


def test_an_interrupted_read_gives_back_its_place_and_the_probe_lease(make: Callable[..., World]) -> None:
    world = make(ZEPGUARD_CALLS_MAX="1")
    world.force()
    world.clock += 60

    def interrupt() -> None:
        raise Interrupted

    world.zep.before = interrupt
    with pytest.raises(Interrupted):
        world.read()
    assert world.memory.snapshot().record.lease == ""
    world.zep.before = lambda: None
    assert world.read().status is ContextStatus.FRESH
    assert sum(isinstance(event, AcquireProbe) for event in world.store.events) == 2


def test_an_interruption_while_the_store_is_asked_gives_the_place_back(make: Callable[..., World]) -> None:
    world = make(ZEPGUARD_CALLS_MAX="1")
    world.service.mode()
    apply = world.memory.apply

    def interrupt(event: Any) -> Any:
        raise Interrupted

    world.memory.apply = interrupt  # type: ignore[method-assign]
    with pytest.raises(Interrupted):
        world.read()
    world.memory.apply = apply  # type: ignore[method-assign]
    assert world.read("another").status is ContextStatus.FRESH


def test_an_interrupted_trial_of_a_breaker_leaves_it_to_the_next(make: Callable[..., World]) -> None:
    world = make()
    from guard.core.table import Outcome
    from guard.zep.calls import ZepFailure

    def fail(zep: Any) -> Any:
        raise ZepFailure(Outcome.TIMEOUT, "stub")

    def interrupt(zep: Any) -> Any:
        raise Interrupted

    for _ in range(3):
        world.service.write("t", fail)
    world.clock += 31
    with pytest.raises(Interrupted):
        world.service.write("t", interrupt)
    assert world.service.write("t", lambda zep: "sent").ok
