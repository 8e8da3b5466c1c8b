"""httpx's clients, less what a call to an API has no use for: cookies, redirects, authentication flows, hooks.

A client of httpx keeps the cookies that an answer sets, under a lock, and sends them with everybody's next call. It
also logs each request's URL, which here holds a thread's id.
"""

from __future__ import annotations

from typing import Any

import httpx

__all__ = ["AsyncPlainClient", "PlainClient"]

_CLOSED = "Cannot send a request, as the client has been closed."  # httpx's own words


class PlainClient(httpx.Client):
    """Sends each request over the given transport, once, and reads the answer to its end.

    Args:
        transport: of all requests.
        timeout_s: of each wait of a request that says nothing else, seconds.
        headers: of each request.
    """

    def __init__(self, transport: httpx.BaseTransport, *, timeout_s: float, headers: dict[str, str]) -> None:
        super().__init__(transport=transport, timeout=timeout_s, headers=headers, trust_env=False)
        self._only_transport = transport

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send one request; ``options`` of httpx's own, of which none has a meaning here, are ignored.

        Raises:
            RuntimeError: the client is closed.
            httpx.TransportError: as the transport does.
        """
        if self.is_closed:
            raise RuntimeError(_CLOSED)
        response = self._only_transport.handle_request(request)
        response.request = request
        try:
            response.read()
        except BaseException:
            response.close()
            raise
        return response


class AsyncPlainClient(httpx.AsyncClient):
    """``PlainClient`` for coroutines."""

    def __init__(self, transport: httpx.AsyncBaseTransport, *, timeout_s: float, headers: dict[str, str]) -> None:
        super().__init__(transport=transport, timeout=timeout_s, headers=headers, trust_env=False)
        self._only_transport = transport

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send one request; see ``PlainClient.send``."""
        if self.is_closed:
            raise RuntimeError(_CLOSED)
        response = await self._only_transport.handle_async_request(request)
        response.request = request
        try:
            await response.aread()
        except BaseException:
            await response.aclose()
            raise
        return response
