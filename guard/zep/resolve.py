"""Names to addresses, by at most two threads a process.

``getaddrinfo`` has no timeout and cannot be cancelled: a call that waits for it can leave at its deadline, the thread
in it cannot. So all look-ups of a process share two threads, which end when there is nothing to look up; what waits
for a third look-up waits no longer than its own deadline.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

__all__ = ["AGAIN_S", "FAILED_S", "FRESH_S", "THREADS_MAX", "LookUpFailed", "Resolver", "process_resolver"]

THREADS_MAX = 2
"""Issue 5: names are resolved by at most two threads."""

FRESH_S = 30.0
"""For so long an answer is used without asking again, seconds."""

FAILED_S = 1.0
"""For so long a failure is, seconds: every waiting turn would ask the same broken resolver."""

AGAIN_S = 10.0
"""After so many seconds in one look-up the other thread tries too; glibc's own resolver gives a server 5 s."""


class LookUpFailed(OSError):
    """The name has no address, or the resolver did not say."""


@dataclass(slots=True)
class _Name:
    addresses: tuple[str, ...] = ()
    fresh_until: float = float("-inf")
    failed_until: float = float("-inf")
    error: str = ""
    under_way: int = 0
    asked_at: float = float("-inf")
    waiting: set[Callable[[], None]] = field(default_factory=set)


class Resolver:
    """Looks names up beside the calls that need them, and remembers.

    An answer is fresh for ``fresh_s``; older, it is still given at once while one look-up is under way, and for as
    long as look-ups fail. A name without any answer is waited for.

    Args:
        look_up: gives the addresses of a host, in the order in which to try them; raises if there are none.
        fresh_s: see ``FRESH_S``.
        failed_s: see ``FAILED_S``.
        again_s: see ``AGAIN_S``.
        monotonic: gives seconds that never jump.
    """

    def __init__(
        self,
        look_up: Callable[[str], tuple[str, ...]] | None = None,
        *,
        fresh_s: float = FRESH_S,
        failed_s: float = FAILED_S,
        again_s: float = AGAIN_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look_up = look_up or _getaddrinfo
        self._fresh_s = fresh_s
        self._failed_s = failed_s
        self._again_s = again_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._names: dict[str, _Name] = {}
        self._queue: deque[str] = deque()
        self._threads = 0

    def addresses(self, host: str, timeout: float | None) -> tuple[str, ...]:
        """Give the addresses of a host, in the order in which to try them; an address is its own.

        Args:
            host: a name or an address.
            timeout: seconds to wait, or None for ever.

        Raises:
            LookUpFailed: there is none, or the resolver did not say.
            TimeoutError: it has not said yet.
        """
        if _is_address(host):
            return (host,)
        done = threading.Event()
        wake = done.set
        found = self._ask(host, wake)
        if found is not None:
            return found
        try:
            if not done.wait(timeout):
                raise TimeoutError(f"{host} has not been resolved in time")
        finally:
            self._leave(host, wake)
        return self._answer(host)

    async def addresses_async(self, host: str, timeout: float | None) -> tuple[str, ...]:
        """Do the same as ``addresses`` without blocking the event loop; cancelling it leaves nothing behind."""
        if _is_address(host):
            return (host,)
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
                loop.call_soon_threadsafe(done.set)

        found = self._ask(host, wake)
        if found is not None:
            return found
        try:
            async with asyncio.timeout(timeout):
                await done.wait()
        except TimeoutError:
            raise TimeoutError(f"{host} has not been resolved in time") from None
        finally:
            self._leave(host, wake)
        return self._answer(host)

    def prefer(self, host: str, address: str) -> None:
        """Try this address first from now on: it has just answered, and another may not."""
        with self._lock:
            name = self._names.get(host)
            if name is not None and address in name.addresses:
                name.addresses = _first(address, name.addresses)

    def _ask(self, host: str, wake: Callable[[], None]) -> tuple[str, ...] | None:
        with self._lock:
            name = self._names.setdefault(host, _Name())
            now = self._monotonic()
            failed = now < name.failed_until
            if name.addresses:
                if now >= name.fresh_until and not failed:
                    with suppress(LookUpFailed):
                        self._start(host, name, now)
                return name.addresses
            if failed:
                raise LookUpFailed(name.error)
            self._start(host, name, now)
            name.waiting.add(wake)
            return None

    def _start(self, host: str, name: _Name, now: float) -> None:
        if name.under_way and (name.under_way == THREADS_MAX or now - name.asked_at < self._again_s):
            return
        if self._threads < THREADS_MAX:
            try:
                threading.Thread(target=self._work, name="zepguard-resolver", daemon=True).start()
            except RuntimeError as error:  # no thread to be had, or the interpreter is ending
                raise LookUpFailed(f"{host} cannot be resolved: {error}") from error
            self._threads += 1
        self._queue.append(host)
        name.under_way += 1
        name.asked_at = now

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._queue:
                    self._threads -= 1
                    return
                host = self._queue.popleft()
            try:
                self._finish(host, self._look_up(host), "")
            except Exception as error:  # such as UnicodeError for a label that is too long
                self._finish(host, (), f"{host} cannot be resolved: {error}")

    def _finish(self, host: str, addresses: tuple[str, ...], error: str) -> None:
        with self._lock:
            name = self._names[host]
            now = self._monotonic()
            name.under_way -= 1
            if addresses:
                preferred = name.addresses[:1]
                known = bool(preferred) and preferred[0] in addresses
                name.addresses = _first(preferred[0], addresses) if known else addresses
                name.fresh_until, name.failed_until = now + self._fresh_s, float("-inf")
            else:
                name.failed_until, name.error = now + self._failed_s, error or f"{host} has no address"
            waiting, name.waiting = name.waiting, set()
        for wake in waiting:
            wake()

    def _leave(self, host: str, wake: Callable[[], None]) -> None:
        with self._lock:
            self._names[host].waiting.discard(wake)

    def _answer(self, host: str) -> tuple[str, ...]:
        with self._lock:
            name = self._names[host]
            if not name.addresses:
                raise LookUpFailed(name.error)
            return name.addresses


def _first(address: str, addresses: tuple[str, ...]) -> tuple[str, ...]:
    return (address, *(other for other in addresses if other != address))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _getaddrinfo(host: str) -> tuple[str, ...]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


_resolver = Resolver()


def process_resolver() -> Resolver:
    """Give the resolver that all clients of this process share."""
    return _resolver


def _remake_in_child() -> None:
    global _resolver
    _resolver = Resolver()  # the parent's threads are not here, and its lock may be held for ever


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_remake_in_child)
