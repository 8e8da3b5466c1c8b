"""One deadline for a whole HTTP call, kept without a thread.

httpx's timeouts are per phase and per read: a server that drips a byte a second passes a 1.5 s timeout for ever
(measured: 31 s). Every wait of a call is for a slot, for a name, or goes through httpcore's network backend, so that
is where the time left is dealt out: each gets what remains of the call's budget, and no more.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["deadline", "left", "shares"]

_ends: ContextVar[float | None] = ContextVar("zepguard_deadline", default=None)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Let every network wait inside end ``seconds`` from now at the latest; later ones raise a timeout."""
    token = _ends.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends.reset(token)


def left(timeout: float | None, expired: type[Exception]) -> float | None:
    """Give the seconds that a wait may take, at most ``timeout``.

    Raises:
        Exception: of the type ``expired``, if the deadline has passed.
    """
    ends = _ends.get()
    if ends is None:
        return timeout
    remaining = ends - time.monotonic()
    if remaining <= 0:
        raise expired("the call's deadline has passed")
    return remaining if timeout is None else min(timeout, remaining)


def shares(
    addresses: Sequence[str], timeout: float | None, expired: type[Exception]
) -> Iterator[tuple[str, float | None]]:
    """Give each address with its seconds: an equal part of what is left, so that a black hole leaves some to others."""
    for tried, address in enumerate(addresses):
        remaining = left(timeout, expired)
        yield address, None if remaining is None else remaining / (len(addresses) - tried)
