"""One virtual clock, the agenda of what is due, and lanes for work that goes on beside the main course."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from contextlib import suppress
from itertools import count

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]

__all__ = ["START", "STEPS_A_SECOND", "Lane", "VirtualClock"]

START = 1_767_600_000.0
"""Unix seconds at which each world begins: 5 January 2026, 08:00 UTC."""

STEPS_A_SECOND = 2**20
"""A power of two: times and their differences are exact floats, so a latency of 0.25 s falls on the bucket's edge."""


class VirtualClock:
    """Time that passes only when somebody sleeps, and what is due meanwhile.

    All work but that of lanes is one course, the main one: where it sleeps, the agenda is worked off in order of time.

    Args:
        on_change: called with unix seconds after each step of time.
    """

    def __init__(self, on_change: Callable[[float], None] = lambda now: None) -> None:
        self._on_change = on_change
        self._steps = 0
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = count()
        self._lanes: set[Lane] = set()

    def time(self) -> float:
        """Unix seconds."""
        return START + self.monotonic()

    def monotonic(self) -> float:
        """Seconds since the world began."""
        return self._steps / STEPS_A_SECOND

    def sleep(self, seconds: float) -> None:
        """Let so much time pass, in the course that calls: the main one, or a lane while the others go on."""
        until = self._steps + _steps(seconds)
        lane = next((one for one in self._lanes if one.is_here()), None)
        if lane is None:
            self._work_off(until)
        elif until > self._steps:
            self._put(until, lane.resume)
            lane.pause()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Have ``action`` done in the main course so many seconds from now; it must not sleep."""
        self._put(self._steps + _steps(seconds), action)

    def start_lane(self, work: Callable[[], None], *, done: Callable[[], None]) -> Lane:
        """Start ``work`` beside the main course; it runs until it first sleeps, or to its end.

        Args:
            work: may sleep.
            done: called in the lane at its end, however it ended.
        """

        def run() -> None:
            try:
                work()
            finally:
                done()
                self._lanes.discard(lane)

        lane = Lane(run)
        self._lanes.add(lane)
        lane.resume()
        return lane

    def cut_lanes(self) -> None:
        """End the lanes where they sleep, as a killed process ends."""
        for lane in list(self._lanes):
            lane.cut()

    def close(self) -> None:
        """Cut the lanes, so that no thread is left behind, and forget what is due."""
        self.cut_lanes()
        self._agenda.clear()

    def _put(self, at: int, action: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (at, next(self._numbers), action))

    def _work_off(self, until: int) -> None:
        while self._agenda and self._agenda[0][0] <= until:
            at, _, action = heapq.heappop(self._agenda)
            self._set(at)
            action()
        self._set(until)

    def _set(self, steps: int) -> None:
        if steps > self._steps:
            self._steps = steps
            self._on_change(self.time())


def _steps(seconds: float) -> int:
    """Rounded down: what was configured is never exceeded."""
    return max(0, math.floor(seconds * STEPS_A_SECOND))


class _Cut(BaseException):
    """The world ends; no handler of errors is meant to see this."""


class Lane:
    """A greenlet that runs only while whoever resumed it stands still: order is exact, and nothing needs a lock.

    It lives in the thread that started it, as the whole world does.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._greenlet = greenlet(self._run)
        self._left = False

    def resume(self) -> None:
        """Let it run until it pauses or ends; raises what it raised. One that was cut or left stays as it is."""
        if not (self._left or self._greenlet.dead):
            self._greenlet.parent = getcurrent()
            self._greenlet.switch()

    def pause(self) -> None:
        """In the lane itself: stand still until resumed."""
        self._greenlet.parent.switch()

    def leave(self) -> None:
        """Never resume it: unlike one that is cut it does nothing more, not even tidy up."""
        self._left = True

    def cut(self) -> None:
        """End it where it stands."""
        if not self._greenlet.dead:
            self._greenlet.parent = getcurrent()
            self._greenlet.throw(_Cut)

    def is_here(self) -> bool:
        """Whether it is what runs now."""
        return getcurrent() is self._greenlet

    def _run(self) -> None:
        with suppress(_Cut):
            self._work()
