"""The connections of ``guard.store.connection`` for coroutines: names looked up beside the loop, TLS made ready once.

The end of a request's time is its caller's: ``asyncio.timeout`` around all of it.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any

from redis import asyncio as aioredis
from redis._parsers import _AsyncRESP2Parser
from redis.asyncio.connection import Connection, ConnectionPool, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool, SentinelManagedConnection
from redis.backoff import NoBackoff

from guard.core.store_url import StoreUrl, parse_store_url
from guard.store.connection import options_of, sentinel_options_of, tls_context
from guard.zep.resolve import process_resolver

__all__ = ["connect_async"]


class _Tcp(Connection):
    def __init__(self, *, tls: ssl.SSLContext | None = None, **options: Any) -> None:
        self._tls = tls
        super().__init__(**options)

    async def can_read(self) -> bool:
        # redis-py asks what was received, which does not tell of a connection that was reset: the next request failed.
        writer: Any = self._writer
        return writer.is_closing() or await super().can_read()

    async def _connect(self) -> None:
        resolver = process_resolver()
        addresses = await resolver.addresses_async(self.host, self.socket_connect_timeout)
        failure: OSError = OSError(f"{self.host} has no address")
        for address in addresses:
            try:
                async with asyncio.timeout(_share(self.socket_connect_timeout, len(addresses))):
                    reader, writer = await self._open(address)
            except OSError as error:  # a TimeoutError is one
                failure = error
                continue
            resolver.prefer(self.host, address)
            self._reader, self._writer = reader, writer
            sock = writer.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            return
        raise failure

    async def _open(self, address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._tls is None:
            return await asyncio.open_connection(address, self.port)
        return await asyncio.open_connection(address, self.port, ssl=self._tls, server_hostname=self.host)


def _share(timeout: float | None, count: int) -> float | None:
    return None if timeout is None else timeout / count


class _Managed(SentinelManagedConnection, _Tcp):
    """To the master that a Sentinel names."""


class _Unix(UnixDomainSocketConnection):
    async def _connect(self) -> None:
        self._reader, self._writer = await asyncio.open_unix_connection(self.path)


def connect_async(url: str, *, timeout_s: float) -> aioredis.Redis:
    """Make a client for one event loop that never retries.

    Args:
        url: see ``guard.core.store_url``.
        timeout_s: seconds, for each wait; the caller bounds their sum.

    Raises:
        ValueError: a URL that is none.
        StoreUnavailable: a certificate or key that cannot be read.
    """
    where = parse_store_url(url)
    retry = Retry(NoBackoff(), 0)
    options = options_of(where, timeout_s, retry) | {"parser_class": _AsyncRESP2Parser}
    if where.path:
        return aioredis.Redis.from_pool(ConnectionPool(connection_class=_Unix, path=where.path, **options))
    tls: dict[str, Any] = {"tls": tls_context(where)} if where.tls else {}
    pool: Any
    if where.service:
        sentinels = _sentinels(where, timeout_s, retry, tls)
        pool = SentinelConnectionPool(  # type: ignore[no-untyped-call]
            where.service, sentinels, connection_class=_Managed, **tls, **options
        )
    else:
        (host, port), *_ = where.hosts
        pool = ConnectionPool(connection_class=_Tcp, host=host, port=port, **tls, **options)
    return aioredis.Redis.from_pool(pool)


def _sentinels(where: StoreUrl, timeout_s: float, retry: Any, tls: dict[str, Any]) -> Sentinel:
    sentinel = Sentinel([])  # type: ignore[no-untyped-call]
    options = sentinel_options_of(where, timeout_s, retry) | tls
    sentinel.sentinels = [
        aioredis.Redis.from_pool(ConnectionPool(connection_class=_Tcp, host=host, port=port, **options))
        for host, port in where.hosts
    ]
    return sentinel
