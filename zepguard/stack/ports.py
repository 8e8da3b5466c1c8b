"""Ports that nobody listens on."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack

__all__ = ["free_ports"]

# Below what Linux (from 32768) and macOS (from 49152) give to outgoing connections. A port from there could be
# taken by a client while its server restarts, or by a client that connects to itself, and the server would not
# come back.
_LOWEST, _HIGHEST = 20_000, 32_000
_TRIES_PER_PORT = 50


def free_ports(count: int) -> list[int]:
    """Return ``count`` different ports of the loopback that are free now."""
    with ExitStack() as held:
        found: list[int] = []
        for port in _candidates(count):
            try:
                taken = held.enter_context(_bound(port))
            except OSError:
                continue
            found.append(taken.getsockname()[1])
            if len(found) == count:
                break
        return found


def _candidates(count: int) -> Iterator[int]:
    """Random ports; where each of many is taken, what the system chooses (0)."""
    yield from random.sample(range(_LOWEST, _HIGHEST), count * _TRIES_PER_PORT)
    while True:
        yield 0


def _bound(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # As servers do: without it a port whose last connections linger looks taken.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", port))
    except OSError:
        bound.close()
        raise
    return bound
