"""Measures the time to first byte: from the last byte of the request to the ``send`` of the first token."""

from __future__ import annotations

import time
from collections.abc import Callable

from asgiref.typing import (
    ASGI3Application,
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    ASGISendEvent,
    HTTPScope,
    Scope,
)

from chatapp.web.answers import TOKEN_FRAME

__all__ = ["FirstToken"]


class FirstToken:
    """An ASGI layer that observes each answered request of one path once.

    A JSON answer's first token is its body; a stream's is its first ``token`` frame, whatever comes before. An answer
    that is no 200 has none.

    Args:
        app: what answers.
        path: the path to measure.
        observe: takes the seconds.
        clock: gives seconds that only go forward.
    """

    def __init__(
        self,
        app: ASGI3Application,
        *,
        path: str,
        observe: Callable[[float], object],
        clock: Callable[[], float] = lambda: time.perf_counter(),  # looked up each time: a simulation has its own
    ) -> None:
        self._app = app
        self._path = path
        self._observe = observe
        self._clock = clock

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Serve one request, measured if it is for the path."""
        if scope["type"] == "http" and scope["path"] == self._path:
            await self._measure(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _measure(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        asked_at: float | None = None
        waiting = False
        streams = False

        async def receiving() -> ASGIReceiveEvent:
            nonlocal asked_at
            event = await receive()
            if asked_at is None and event["type"] == "http.request" and not event["more_body"]:
                asked_at = self._clock()
            return event

        async def sending(event: ASGISendEvent) -> None:
            nonlocal waiting, streams
            if event["type"] == "http.response.start":
                waiting = event["status"] == 200
                streams = _is_stream(event["headers"])
            elif event["type"] == "http.response.body" and waiting and asked_at is not None:
                body = event["body"]
                if (TOKEN_FRAME in body) if streams else body:
                    waiting = False
                    self._observe(self._clock() - asked_at)
            await send(event)

        await self._app(scope, receiving, sending)


def _is_stream(headers: object) -> bool:
    assert isinstance(headers, list | tuple)
    return any(name.lower() == b"content-type" and value.startswith(b"text/event-stream") for name, value in headers)
