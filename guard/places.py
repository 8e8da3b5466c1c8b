"""So many at once; one more waits. Safe where a wait is interrupted from outside, as gevent's timeouts and kills do.

``threading.BoundedSemaphore`` is not: it is Python code over a lock, and a greenlet that is killed inside of it takes a
place with it, or fails with "released too many times" (seen with gevent 26.9 on Python 3.11). Here the places lie in a
queue, from which one is taken in one step.
"""

from __future__ import annotations

import queue

__all__ = ["Places"]


class Places:
    """Places to take and to give back, for threads and greenlets.

    Args:
        count: how many there are.
    """

    def __init__(self, count: int) -> None:
        self._free: queue.SimpleQueue[None] = queue.SimpleQueue()  # gevent's own, where it has patched
        for _ in range(count):
            self._free.put(None)

    @property
    def free(self) -> int:
        """How many can be taken now."""
        return self._free.qsize()

    def take(self, timeout: float | None) -> bool:
        """Take a place; False if there was none.

        Args:
            timeout: seconds to wait for one, or None for ever.
        """
        try:
            self._free.get(timeout=timeout)
        except queue.Empty:
            return False
        return True

    def give_back(self) -> None:
        """Give a place back."""
        self._free.put(None)
