"""The operator's hand on the fleet: an action returns once every live worker goes by it, listed or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fakeredis
import pytest

from guard import MemoryService, Mode, read_settings
from guard.operator import Operator
from guard.store.shared import RedisStore
from tests.guard.test_service import FLAGS, StubZep


@pytest.mark.parametrize(
    ("act", "mode"),
    [
        (lambda operator: operator.force("manual", 300), Mode.WRITE_ONLY),
        (lambda operator: operator.clear(), Mode.READ_WRITE),
        (lambda operator: operator.reset_failures(), Mode.READ_WRITE),
        (lambda operator: operator.invalidate("t"), Mode.READ_WRITE),
    ],
)
def test_a_worker_that_the_store_does_not_list_has_seen_the_action_when_it_returns(
    clock: Any, act: Callable[[Operator], object], mode: Mode
) -> None:
    """A store that lost its data lists nobody until the next heartbeat; a view is still up to a second old."""
    settings = read_settings(FLAGS)
    client = fakeredis.FakeStrictRedis(decode_responses=True)
    store = RedisStore(client, namespace="test", policy=settings.policy, clock=clock)
    zep: Any = StubZep()
    worker = MemoryService(settings, store=lambda: store, zep=lambda: zep, monotonic=clock)
    assert worker.mode() is Mode.READ_WRITE
    assert store.workers() == []

    def pause(seconds: float) -> None:
        clock.now += seconds

    began = clock()
    act(Operator(worker, pause=pause))
    assert clock() - began == pytest.approx(1.0)
    assert worker.mode() is mode
