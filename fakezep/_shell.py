"""The ASGI shell: reads a request, asks the core, and turns the plan of delivery into behaviour.

It knows the clock and the connection, and no rule of Zep. Closing a connection is not part of ASGI: the
server protocol offers it in the scope under `DROP_EXTENSION` (see `fakezep._protocol`).
"""

import asyncio
import time
from collections.abc import Callable

from starlette.requests import Request as HttpRequest
from starlette.types import Message, Receive, Scope, Send

from fakezep.core import AdminApi, Delivery, Exchange, FakeZep, Request, Response

DROP_EXTENSION = "fakezep.drop"
_BODILESS = (204, 304)


class Shell:
    """An ASGI application around one core. ``clock`` gives unix seconds.

    All requests are handled on one event loop, so the core needs no lock.
    """

    def __init__(self, zep: FakeZep, clock: Callable[[], float] = time.time) -> None:
        self._zep = zep
        self._admin = AdminApi(zep)
        self._clock = clock
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End all waits: exchanges still under way are dropped. Call it on the event loop."""
        self._stopping.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            raise RuntimeError(f"fakezep serves http only, not {scope['type']}")
        connection = _Connection(scope, receive, send, self._stopping)
        request = await self._read(HttpRequest(scope, receive))
        if request.segments[0] == "admin":
            await connection.answer(self._admin.handle(request, self._clock()))
            return
        began = self._clock()
        exchange = self._zep.handle(request, began)
        await self._deliver(exchange, connection)
        self._zep.finish(exchange, max(0.0, self._clock() - began))

    async def _read(self, incoming: HttpRequest) -> Request:
        """Take the whole request; of a body over the limit keep just enough for the core to refuse it."""
        most = self._zep.settings.body_bytes_max + 1
        body = bytearray()
        async for chunk in incoming.stream():
            body += chunk[: most - len(body)]
        scope = incoming.scope
        return Request(
            method=incoming.method,
            path=scope["raw_path"].decode("latin-1"),
            query=scope["query_string"].decode("latin-1"),
            headers={name.decode("latin-1"): text.decode("latin-1") for name, text in scope["headers"]},
            body=bytes(body),
        )

    async def _deliver(self, exchange: Exchange, connection: "_Connection") -> None:
        if not await connection.wait(exchange.delay_s):
            await connection.drop()
        elif exchange.delivery is Delivery.LATER:
            await self._deliver(self._zep.resume(exchange, self._clock()), connection)
        elif exchange.response is None:
            await connection.drop()
        elif exchange.delivery is Delivery.DRIP:
            await connection.drip(exchange.response, exchange.interval_s)
        elif exchange.delivery is Delivery.HALF:
            await connection.half(exchange.response)
        else:
            await connection.answer(exchange.response)


class _Connection:
    """One request's way back to the client."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, stopping: asyncio.Event) -> None:
        self._drop: Callable[[], None] = scope["extensions"][DROP_EXTENSION]["drop"]
        self._receive = receive
        self._send = send
        self._stopping = stopping

    async def wait(self, seconds: float) -> bool:
        """Wait; False when the server stops first. A client that leaves ends no wait: its write counts."""
        if self._stopping.is_set():
            return False
        if seconds <= 0:
            return True
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return True
        return False

    async def drop(self) -> None:
        """Close the connection, and wait until it is closed so that nobody answers in our place."""
        self._drop()
        await self._gone()

    async def answer(self, response: Response) -> None:
        """Send the whole answer."""
        await self._start(response)
        await self._body(response.body, more=False)

    async def half(self, response: Response) -> None:
        """Announce the whole body, send half of it, close."""
        await self._start(response)
        await self._body(response.body[: len(response.body) // 2], more=True)
        await self.drop()

    async def drip(self, response: Response, interval_s: float) -> None:
        """Send the head at once, then a byte each interval, until the end or until the client has gone."""
        await self._start(response)
        gone = asyncio.ensure_future(self._gone())
        try:
            for index in range(len(response.body)):
                await asyncio.wait({gone}, timeout=interval_s)
                if gone.done() or self._stopping.is_set():
                    return await self.drop()
                await self._body(response.body[index : index + 1], more=True)
            await self._body(b"", more=False)
        finally:
            gone.cancel()
        return None

    async def _start(self, response: Response) -> None:
        headers = [(name.lower().encode("latin-1"), text.encode("latin-1")) for name, text in response.headers]
        if response.status not in _BODILESS:
            headers.append((b"content-length", str(len(response.body)).encode()))
        await self._send({"type": "http.response.start", "status": response.status, "headers": headers})

    async def _body(self, body: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def _gone(self) -> None:
        message: Message = {"type": ""}
        while message["type"] != "http.disconnect":
            message = await self._receive()
