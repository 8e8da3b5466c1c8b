"""The deadline for coroutines: httpcore's anyio streams, each wait with what is left of the call."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from typing import Any

import anyio
import httpcore
import httpx

from guard.zep.deadline import CONNECTIONS_MAX, body_of, is_overrun, left, shares, whole_response
from guard.zep.resolve import Resolver, process_resolver

__all__ = ["AsyncDeadlineTransport"]


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self.overrun = False

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
        if info == "is_readable" and self.overrun:  # httpcore takes a readable idle connection for a closed one
            return True
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


class AsyncDeadlineTransport(httpx.AsyncHTTPTransport):
    """httpx's transport over a pool whose every wait obeys ``deadline``; gives answers that were read to their end.

    Args:
        connections_max: connections, and so calls at once; one more waits, no longer than its own deadline.
        resolver: looks names up; by default the one that the process shares.

    Raises:
        UnreadableBody: see ``guard.zep.body``; httpx's own errors for the rest.
    """

    def __init__(self, *, connections_max: int = CONNECTIONS_MAX, resolver: Resolver | None = None) -> None:
        context = httpx.create_ssl_context()
        super().__init__(verify=context)
        # As in ``DeadlineTransport``: no public seam for the backend, and a queue of our own.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=connections_max,
            max_keepalive_connections=connections_max,
            keepalive_expiry=30.0,
            network_backend=_Backend(resolver),
        )
        self._slots = asyncio.Semaphore(connections_max)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and read the whole answer."""
        timeout = left(request.extensions.get("timeout", {}).get("pool"), httpx.PoolTimeout)
        try:
            async with asyncio.timeout(timeout):
                await self._slots.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("all connections are in use") from None
        try:
            return await self._read(await super().handle_async_request(request))
        finally:
            self._slots.release()

    async def _read(self, response: httpx.Response) -> httpx.Response:
        assert isinstance(response.stream, httpx.AsyncByteStream)
        try:
            body = body_of(response)
            async for part in response.stream:
                body.add(part)
            if is_overrun(response):
                response.extensions["network_stream"].overrun = True
        finally:
            await response.stream.aclose()
        return whole_response(response, body)
