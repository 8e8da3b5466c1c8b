"""Connections to the store for code with threads or greenlets, and one deadline for a whole request.

redis-py's timeouts are per wait: a connection set up anew costs one for each step (TCP, TLS, HELLO, AUTH, SELECT and
two CLIENT SETINFO), and a server that drips passes them for ever. Here each wait gets what is left of the request's
time, and of those steps only AUTH and SELECT are taken, if the URL asks for them. Names are looked up by the process's
two threads (``guard.zep.resolve``).
"""

from __future__ import annotations

import math
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import redis
from redis._parsers import _RESP2Parser
from redis.backoff import NoBackoff
from redis.connection import Connection, ConnectionPool, SSLConnection, UnixDomainSocketConnection
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool, SentinelManagedConnection

from guard.core.store_url import StoreUrl, parse_store_url
from guard.errors import StoreUnavailable
from guard.zep.resolve import process_resolver

__all__ = ["connect", "options_of", "sentinel_options_of", "tls_context", "within"]

T = TypeVar("T")

_ends: ContextVar[float | None] = ContextVar("zepguard_store_deadline", default=None)


@contextmanager
def within(seconds: float | None) -> Iterator[None]:
    """Let every wait for the store inside end ``seconds`` from now at the latest; None sets no end."""
    token = _ends.set(None if seconds is None else time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends.reset(token)


def _left(timeout: float | None) -> float | None:
    ends = _ends.get()
    if ends is None:
        return timeout
    remaining = ends - time.monotonic()
    if remaining <= 0:
        raise TimeoutError("the request's time is over")
    return remaining if timeout is None else min(timeout, remaining)


class _Socket:
    """As much of a socket as redis-py uses; each wait ends with the request's time.

    It never blocks: a blocking ``sendall`` or TLS read would start its own timeout anew with each piece (gevent's do).
    """

    def __init__(self, sock: socket.socket, timeout: float | None) -> None:
        sock.settimeout(0)
        self._sock = sock
        self._timeout = timeout

    def settimeout(self, timeout: float | None) -> None:
        self._timeout = timeout

    def recv(self, *arguments: int) -> bytes:
        return self._done(lambda: self._sock.recv(*arguments))

    def recv_into(self, buffer: bytearray) -> int:
        return self._done(lambda: self._sock.recv_into(buffer))

    def sendall(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            sent = self._done(lambda now=rest: self._sock.send(now), writes=True)  # type: ignore[misc]
            rest = rest[sent:]

    def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        wrapped = context.wrap_socket(self._sock, server_hostname=host, do_handshake_on_connect=False)
        self._sock = wrapped
        self._done(wrapped.do_handshake)

    def _done(self, action: Callable[[], T], *, writes: bool = False) -> T:
        while True:
            wait_for = select.POLLOUT if writes else select.POLLIN
            timeout = _left(self._timeout)
            try:
                return action()
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
                if timeout == 0:
                    raise
                if isinstance(error, ssl.SSLError):
                    wait_for = select.POLLIN if isinstance(error, ssl.SSLWantReadError) else select.POLLOUT
            waiting = select.poll()
            waiting.register(self._sock.fileno(), wait_for)
            if not waiting.poll(None if timeout is None else math.ceil(timeout * 1000)):
                raise TimeoutError("timed out")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class _Tcp(Connection):
    def _connect(self) -> Any:
        resolver = process_resolver()
        addresses = resolver.addresses(self.host, _left(self.socket_connect_timeout))
        failure: OSError = OSError(f"{self.host} has no address")
        for tried, address in enumerate(addresses):
            seconds = _left(self.socket_connect_timeout)
            share = None if seconds is None else seconds / (len(addresses) - tried)
            try:
                sock = socket.create_connection((address, self.port), share)
            except OSError as error:
                failure = error
                continue
            resolver.prefer(self.host, address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            return _Socket(sock, self.socket_timeout)
        raise failure


class _Tls(_Tcp):
    """Its context is made once and not for each connection: that takes as long as a whole request may."""

    def __init__(self, *, tls: ssl.SSLContext, **options: Any) -> None:
        self._tls = tls
        # hiredis takes a TLS 1.3 ticket that waits in the socket for an answer that nobody asked for.
        super().__init__(parser_class=_RESP2Parser, **options)  # type: ignore[no-untyped-call]

    def _connect(self) -> Any:
        sock = super()._connect()
        try:
            sock.start_tls(self._tls, self.host)
        except BaseException:
            sock.close()
            raise
        return sock


class _Unix(UnixDomainSocketConnection):
    def _connect(self) -> Any:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(_left(self.socket_connect_timeout))
            sock.connect(self.path)
        except BaseException:
            sock.close()
            raise
        return _Socket(sock, self.socket_timeout)


class _Managed(SentinelManagedConnection, _Tcp):
    """To the master that a Sentinel names."""

    def read_response(self, *arguments: Any, **options: Any) -> Any:
        # redis-py leaves it open here: interrupted, the next request would read this one's answer.
        return super().read_response(*arguments, **{"disconnect_on_error": True, **options})


class _ManagedTls(_Managed, _Tls):
    """The same over TLS."""


def connect(url: str, *, timeout_s: float) -> redis.Redis:
    """Make a client that never retries, and waits at most ``timeout_s`` each time; in ``within``, in total.

    redis-py 8 by itself waits 5 s an attempt and makes 10 more (measured); a chat turn cannot.

    Args:
        url: see ``guard.core.store_url``.
        timeout_s: seconds.

    Raises:
        ValueError: a URL that is none.
        StoreUnavailable: a certificate or key that cannot be read.
    """
    where = parse_store_url(url)
    options = options_of(where, timeout_s)
    if where.path:
        return redis.Redis.from_pool(ConnectionPool(connection_class=_Unix, path=where.path, **options))
    tls: dict[str, Any] = {"tls": tls_context(where)} if where.tls else {}
    pool: ConnectionPool
    if where.service:
        pool = SentinelConnectionPool(  # type: ignore[no-untyped-call]
            where.service,
            _sentinels(where, timeout_s, tls),
            connection_class=_ManagedTls if tls else _Managed,
            **tls,
            **options,
        )
        return redis.Redis.from_pool(pool)
    (host, port), *_ = where.hosts
    pool = ConnectionPool(connection_class=_Tls if tls else _Tcp, host=host, port=port, **tls, **options)
    return redis.Redis.from_pool(pool)


def _sentinels(where: StoreUrl, timeout_s: float, tls: dict[str, Any]) -> Sentinel:
    sentinel = Sentinel([])  # type: ignore[no-untyped-call]
    options = sentinel_options_of(where, timeout_s) | tls
    pools = [
        ConnectionPool(connection_class=_Tls if tls else _Tcp, host=host, port=port, **options)
        for host, port in where.hosts
    ]
    sentinel.sentinels = [redis.Redis(connection_pool=pool) for pool in pools]
    return sentinel


def options_of(where: StoreUrl, timeout_s: float, retry: Any = None) -> dict[str, Any]:
    """Give what every connection to the store is made with; RESP2 needs no HELLO."""
    return {
        "db": where.db,
        "username": where.username or None,
        "password": where.password or None,
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "retry": retry or Retry(NoBackoff(), 0),
        "decode_responses": True,
        "protocol": 2,
        "driver_info": None,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
        "max_connections": 1_000_000,  # the store bounds them, by a wait and not by an error
    }


def sentinel_options_of(where: StoreUrl, timeout_s: float, retry: Any = None) -> dict[str, Any]:
    """Give what every connection to a Sentinel is made with: one that is silent must leave time for the others."""
    share = timeout_s / (len(where.hosts) + 1)
    credentials = {"username": where.sentinel_username or None, "password": where.sentinel_password or None}
    times = {"socket_timeout": share, "socket_connect_timeout": share}
    return options_of(where, timeout_s, retry) | credentials | times | {"db": 0}


def tls_context(where: StoreUrl) -> ssl.SSLContext:
    """Make the TLS context that the URL's ``ssl_`` options ask for, as redis-py does.

    Raises:
        StoreUnavailable: a certificate or key that cannot be read.
    """
    given = dict(where.ssl)
    checks_hostname = given.pop("ssl_check_hostname", "true") == "true"
    read = SSLConnection(ssl_check_hostname=checks_hostname, **given)  # type: ignore[arg-type]
    context = ssl.create_default_context()
    context.check_hostname = bool(read.check_hostname)
    context.verify_mode = read.cert_reqs
    try:
        if read.ca_certs or read.ca_path:
            context.load_verify_locations(cafile=read.ca_certs, capath=read.ca_path)
        if read.certfile:
            context.load_cert_chain(read.certfile, read.keyfile, read.certificate_password)
    except OSError as error:  # ssl.SSLError is one
        raise StoreUnavailable(
            f"a certificate or key that GUARD_REDIS_URL names cannot be read ({error}); check its ssl_ options"
        ) from error
    return context
