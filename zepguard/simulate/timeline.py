"""Virtual time in whole microseconds, and the courses that run in it: one at a time, in the agenda's order.

A course is a greenlet, so that it may stop in the middle of any code, the guard's synchronous store and outbox too.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from typing import Any

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]

__all__ = ["START", "Course", "Killed", "Timeline"]

START = 1_767_600_000.0
"""Unix seconds at which each run begins."""

_STEPS_MAX = 200_000
"""A run that takes more does not end by itself."""


class Killed(BaseException):
    """The process of this course was killed; no handler of errors is meant to see this."""


class Course:
    """Work that goes on beside other work until it ends, or its process is killed."""

    def __init__(
        self, timeline: Timeline, about: Any, work: Callable[[], None], done: Callable[[Course], None]
    ) -> None:
        self.about = about
        self.killed = False
        self.ended = False
        self._timeline = timeline
        self._work = work
        self._done = done
        self._pauses = 0
        self._interruption: BaseException | None = None
        self._greenlet = greenlet(self._run, timeline.hub)

    def _run(self) -> None:
        try:
            self._work()
        except Killed:
            pass
        finally:
            self.ended = True
            self._done(self)

    @property
    def pauses(self) -> int:
        """How often it has stood still."""
        return self._pauses

    def resume(self, pause: int) -> None:
        """Go on after that pause, from the timeline's own loop; one that is over stays over."""
        if self.ended or pause != self._pauses:
            return
        before, self._timeline.course = self._timeline.course, self
        try:
            self._greenlet.switch()
        finally:
            self._timeline.course = before

    def pause(self) -> None:
        """Let the others run, from within the course."""
        if self.killed:
            raise Killed
        assert getcurrent() is self._greenlet
        self._timeline.hub.switch()
        self._pauses += 1
        if self.killed:
            raise Killed
        interruption, self._interruption = self._interruption, None
        if interruption is not None:
            raise interruption

    def interrupt(self, interruption: BaseException) -> None:
        """Raise this where it stands."""
        self._interruption = interruption
        self.resume(self._pauses)

    def kill(self) -> None:
        """End it where it stands."""
        self.killed = True
        self.resume(self._pauses)


class Timeline:
    """The clock and the agenda."""

    def __init__(self) -> None:
        self._now_us = 0
        self._numbers = count()
        self._agenda: list[tuple[int, int, Callable[[], Any]]] = []
        self._steps = 0
        self.hub = getcurrent()
        """Runs the agenda, and goes on where a course pauses."""
        self.course: Course | None = None
        """The one that runs."""

    @property
    def now(self) -> float:
        """Seconds since the run began; never jumps."""
        return self._now_us / 1_000_000

    @property
    def unix(self) -> float:
        """Unix seconds, by the true clock."""
        return START + self.now

    def at(self, seconds: float, action: Callable[[], Any]) -> None:
        """Have ``action`` done at so many seconds; it must not pause."""
        due_us = max(self._now_us, round(seconds * 1_000_000))
        heapq.heappush(self._agenda, (due_us, next(self._numbers), action))

    def after(self, seconds: float, action: Callable[[], Any]) -> None:
        """Have ``action`` done so many seconds from now; it must not pause."""
        self.at(self.now + seconds, action)

    def sleep(self, seconds: float) -> None:
        """Let so much time pass, in the course that calls."""
        course = self.course
        assert course is not None
        pause = course.pauses
        self.after(seconds, lambda: course.resume(pause))
        course.pause()

    def start(self, about: Any, work: Callable[[], None], done: Callable[[Course], None]) -> Course:
        """Start a course; it first runs when the one at work pauses."""
        course = Course(self, about, work, done)
        self.after(0, lambda: course.resume(0))
        return course

    def run(self, until: float) -> None:
        """Work the agenda off up to ``until`` seconds.

        Raises:
            RuntimeError: it goes on and on without time passing by as it ought to.
        """
        until_us = round(until * 1_000_000)
        while self._agenda and self._agenda[0][0] <= until_us:
            self._now_us, _, action = heapq.heappop(self._agenda)
            self._steps += 1
            if self._steps > _STEPS_MAX:
                raise RuntimeError(f"{_STEPS_MAX} steps and no end, at {self.now:.6f} s")
            action()
        self._now_us = max(self._now_us, until_us)
