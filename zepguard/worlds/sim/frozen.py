"""The virtual time for code that is not ours: freezegun, started once a world and moved with its clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import freezegun.api
from freezegun import freeze_time

from zepguard.worlds.sim.clock import START

__all__ = ["FrozenTime"]

# What a drill took is told in real seconds.
_REAL = ["zepguard.drills.plugin", "_pytest.timing"]


def _loop_time(self: asyncio.BaseEventLoop, now: Callable[[], float] = time.monotonic) -> float:
    # A default, since freezegun puts its own clock in the place of every module's attributes.
    return now()


class FrozenTime:
    """Stands at the virtual clock's time until stopped; asyncio's loops keep real time.

    Args:
        for_all: whoever asks gets this time, threads and pytest too, where nobody of those is at work: freezegun then
            need not look at each who asks.
    """

    def __init__(self, *, for_all: bool = False) -> None:
        self._callers_looked_at = 0 if for_all else freezegun.api.call_stack_inspection_limit
        self._before = freezegun.api.call_stack_inspection_limit
        self._now = _moment(START)
        self._freezing: Any = freeze_time(self._now, real_asyncio=True, ignore=_REAL)
        self._frozen: Any = None

    def start(self) -> None:
        """Freeze. Walks all loaded modules: import first what will be needed.

        freezegun gives loops their real time only after it has frozen the clock: a loop that runs in another thread
        and sets a timer in between would wait for a moment that never comes. So they get it before.
        """
        asyncio.BaseEventLoop.time = _loop_time  # type: ignore[method-assign]
        self._frozen = self._freezing.start()
        freezegun.api.call_stack_inspection_limit = self._callers_looked_at

    def move(self, now: float) -> None:
        """Go on to ``now``, unix seconds."""
        moment = _moment(now)
        if self._frozen is not None and moment > self._now:
            self._frozen.tick(moment - self._now)
            self._now = moment

    def stop(self) -> None:
        """Give real time back."""
        if self._frozen is not None:
            freezegun.api.call_stack_inspection_limit = self._before
            self._freezing.stop()
            self._frozen = None


def _moment(now: float) -> datetime:
    return datetime.fromtimestamp(now, UTC)
