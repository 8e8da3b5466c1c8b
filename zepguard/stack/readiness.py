"""Whether a program is ready: RUNNING says only that it has not died yet."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from guard.core.worker import Worker
from guard.errors import StoreUnavailable

__all__ = ["Probe", "answers_http", "answers_ping", "listens", "live_workers", "wait_until"]

Probe = Callable[[], bool]

_LOOK_EVERY_S = 0.05
_PROBE_S = 1.0


def listens(port: int) -> bool:
    """Whether something accepts connections on a port of the loopback."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=_PROBE_S).close()
    except OSError:
        return False
    return True


def answers_ping(port: int) -> bool:
    """Whether a Valkey or Redis answers there."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_PROBE_S) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False


def answers_http(url: str) -> bool:
    """Whether a GET is answered with 200. Goes through no proxy of the caller's shell."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_PROBE_S)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def live_workers(redis_url: str, namespace: str) -> list[Worker]:
    """Return the workers whose heartbeat is fresh; none when the store does not answer."""
    # Not above: who asks for a port alone, such as a Prometheus, needs no client of a store.
    from guard.store.shared import RedisStore, connect

    client = connect(redis_url, timeout_s=_PROBE_S)
    try:
        return RedisStore(client, namespace=namespace).workers()
    except StoreUnavailable:
        return []
    finally:
        client.close()


def wait_until(
    probes: Mapping[str, Probe],
    *,
    within_s: float,
    check: Callable[[], None],
    on_waiting: Callable[[str], None],
) -> list[str]:
    """Wait until each probe has said yes once; return the names of those that did not in time.

    Args:
        probes: by what they ask for; each is bounded by itself.
        within_s: for all of them together.
        check: called at each look, also at the last; raises to give up early.
        on_waiting: told every two seconds what is still waited for.
    """
    began = told = time.monotonic()
    left = dict(probes)
    while left:
        left = {name: probe for name, probe in left.items() if not probe()}
        check()
        now = time.monotonic()
        if not left or now - began > within_s:
            break
        if now - told >= 2:
            told = now
            on_waiting(f"waiting for {', '.join(left)} ... {now - began:.0f} s")
        time.sleep(_LOOK_EVERY_S)
    return list(left)
