"""Signals that end a command which runs until it is told to stop."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["stoppable"]


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise KeyboardInterrupt in the block at the first SIGINT, SIGTERM or SIGHUP, and ignore those after it.

    So the way down, which is bounded, is not cut short. SIGINT is set also where it is ignored, as a shell does for
    its background jobs; an ignored SIGHUP (nohup) stays so.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    if before[signal.SIGHUP] is signal.SIG_IGN:
        del before[signal.SIGHUP]

    def stop(number: int, frame: FrameType | None) -> None:
        for each in before:
            signal.signal(each, _ignore)
        raise KeyboardInterrupt

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            # None: a handler that was not set from Python cannot be put back by Python.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _ignore(number: int, frame: FrameType | None) -> None:
    # Not SIG_IGN: children would inherit that.
    pass
