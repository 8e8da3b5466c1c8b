"""One virtual clock, the agenda of what is due, and lanes for work that goes on beside the main course."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from itertools import count
from threading import Semaphore, Thread, local

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
        self._here = local()

    def time(self) -> float:
        """Unix seconds."""
        return START + self.monotonic()

    def monotonic(self) -> float:
        """Seconds since the world began."""
        return self._steps / STEPS_A_SECOND

    def sleep(self, seconds: float) -> None:
        """Let so much time pass, in the course that calls: the main one, or a lane while the others go on."""
        until = self._steps + _steps(seconds)
        lane: Lane | None = getattr(self._here, "lane", None)
        if lane is None:
            self._work_off(until)
        elif until > self._steps:
            self._put(until, lane.resume)
            lane.pause()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Have ``action`` done in the main course so many seconds from now; it must not sleep."""
        self._put(self._steps + _steps(seconds), action)

    def start_lane(self, work: Callable[[], None], *, done: Callable[[], None]) -> None:
        """Start ``work`` beside the main course; it runs until it first sleeps, or to its end.

        Args:
            work: may sleep.
            done: called in the lane at its end, however it ended.
        """

        def run() -> None:
            self._here.lane = lane
            try:
                work()
            finally:
                done()
                self._lanes.discard(lane)

        lane = Lane(run)
        self._lanes.add(lane)
        lane.resume()

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
    """A thread that runs only while whoever resumed it stands still: order is exact, and nothing needs a lock."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._my_turn = Semaphore(0)
        self._your_turn = Semaphore(0)
        self._cut = False
        self._ended = False
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, name="sim-lane", daemon=True)

    def resume(self) -> None:
        """Let it run until it pauses or ends; raises what it raised. One that was cut stays as it is."""
        if self._ended:
            return
        if self._thread.ident is None:
            self._thread.start()
        else:
            self._my_turn.release()
        self._your_turn.acquire()
        if self._error is not None:
            raise self._error

    def pause(self) -> None:
        """In the lane's own thread: stand still until resumed."""
        self._your_turn.release()
        self._my_turn.acquire()
        if self._cut:
            raise _Cut

    def cut(self) -> None:
        """End it where it stands."""
        self._cut = True
        self.resume()
        self._thread.join()
        self._ended = True

    def _run(self) -> None:
        try:
            self._work()
        except _Cut:
            pass
        except BaseException as error:
            self._error = error
        finally:
            self._your_turn.release()
