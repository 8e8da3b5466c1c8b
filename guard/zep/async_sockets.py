"""The deadline for coroutines: httpcore's anyio streams, each wait with what is left of the call."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Iterable
from typing import Any

import anyio
import httpcore
import httpx

from guard.zep.deadline import left, shares
from guard.zep.exchange import CONNECTIONS_MAX, KEEPALIVE_S, body_of, is_overrun, pool_timeout, whole
from guard.zep.loading import ssl_context
from guard.zep.resolve import Resolver, process_resolver

__all__ = ["AsyncDeadlineTransport"]


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._stream.read(max_bytes, left(timeout, httpcore.ReadTimeout))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, left(timeout, httpcore.WriteTimeout))

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        try:
            seconds = left(timeout, httpcore.ConnectTimeout)
            return _Stream(await self._stream.start_tls(ssl_context, server_hostname, seconds))
        except BaseException:  # httpcore 1.0.9 leaves the socket open if the handshake is cancelled
            with anyio.CancelScope(shield=True):
                await self._stream.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.AnyIOBackend):
    def __init__(self, resolver: Resolver | None) -> None:
        self._resolver = resolver

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        resolver = self._resolver or process_resolver()
        try:
            addresses = await resolver.addresses_async(host, left(timeout, httpcore.ConnectTimeout))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address, seconds in shares(addresses, timeout, httpcore.ConnectTimeout):
            try:
                stream = await super().connect_tcp(address, port, seconds, local_address, socket_options)
            except (httpcore.ConnectTimeout, httpcore.ConnectError) as error:
                failure = error
            else:
                resolver.prefer(host, address)
                return _Stream(stream)
        raise failure


class _Connections(httpcore.AsyncConnectionInterface):
    """Connections that are used one call at a time.

    Not httpcore's own pool (1.0.9): a call that is cancelled before its connection is made leaves the place taken for
    ever, and two calls may be given one connection.
    """

    def __init__(self, context: ssl.SSLContext, connections_max: int, resolver: Resolver | None) -> None:
        self._context = context
        self._backend = _Backend(resolver)
        self._slots = asyncio.Semaphore(connections_max)
        self._idle: deque[httpcore.AsyncHTTPConnection] = deque()

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        timeout = left(pool_timeout(request), httpcore.PoolTimeout)
        try:
            async with asyncio.timeout(timeout):
                await self._slots.acquire()
        except TimeoutError:
            raise httpcore.PoolTimeout("all connections are in use") from None
        try:
            return await self._exchange(request)
        finally:
            self._slots.release()

    async def _exchange(self, request: httpcore.Request) -> httpcore.Response:
        connection = await self._take(request.url.origin)
        again = False
        try:
            response = await connection.handle_async_request(request)
            body = body_of(response)
            async for part in response.aiter_stream():
                body.add(part)
            again = not is_overrun(response)
            await response.aclose()
        finally:
            if again and connection.is_idle():
                self._idle.append(connection)
            else:
                with anyio.CancelScope(shield=True):
                    await connection.aclose()
        return whole(response, body)

    async def _take(self, origin: httpcore.Origin) -> httpcore.AsyncHTTPConnection:
        while self._idle and self._idle[0].has_expired():  # as in ``guard.zep.sockets``
            await self._idle.popleft().aclose()
        while self._idle:
            connection = self._idle.pop()
            if connection.can_handle_request(origin) and not connection.has_expired():
                return connection
            await connection.aclose()
        return httpcore.AsyncHTTPConnection(
            origin, ssl_context=self._context, keepalive_expiry=KEEPALIVE_S, network_backend=self._backend
        )

    async def aclose(self) -> None:
        while self._idle:
            await self._idle.pop().aclose()


class AsyncDeadlineTransport(httpx.AsyncHTTPTransport):
    """httpx's transport over connections whose every wait obeys ``deadline``; its answers were read to their end.

    Args:
        connections_max: connections, and so calls at once; one more waits, no longer than its own deadline.
        resolver: looks names up; by default the one that the process shares.

    Raises:
        UnreadableBody: see ``guard.zep.body``; httpx's own errors for the rest.
    """

    def __init__(self, *, connections_max: int = CONNECTIONS_MAX, resolver: Resolver | None = None) -> None:
        context = ssl_context()
        super().__init__(verify=context)
        # As in ``DeadlineTransport``: no public seam for what stands under httpx's transport.
        self._pool = _Connections(context, connections_max, resolver)  # type: ignore[assignment]
