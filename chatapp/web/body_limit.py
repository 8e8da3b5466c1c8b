"""Refuses bodies over the limit while they come in; Django would keep them on disk first."""

from __future__ import annotations

import json

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGIReceiveEvent, ASGISendCallable, Scope

__all__ = ["BodyLimit"]

_REFUSAL = json.dumps({"error": "The body is too long.", "remedy": "Send at most 4096 characters."}).encode()


class _TooLong(Exception):
    """The body went over the limit while it was read."""


class BodyLimit:
    """An ASGI layer that answers 413 to a body of more than ``bytes_max`` bytes, declared or not."""

    def __init__(self, app: ASGI3Application, *, bytes_max: int) -> None:
        self._app = app
        self._bytes_max = bytes_max

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Serve one request, if it is short enough."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received = 0

        async def counting() -> ASGIReceiveEvent:
            nonlocal received
            event = await receive()
            if event["type"] == "http.request":
                received += len(event["body"])
                if received > self._bytes_max:
                    raise _TooLong
            return event

        if self._declared(scope["headers"]) > self._bytes_max:
            await _refuse(send)
            return
        try:
            await self._app(scope, counting, send)
        except _TooLong:  # while Django reads the body, so before it sent anything
            await _refuse(send)

    @staticmethod
    def _declared(headers: object) -> int:
        assert isinstance(headers, list | tuple)
        lengths = [value for name, value in headers if name.lower() == b"content-length"]
        return int(lengths[0]) if lengths and lengths[0].isdigit() else 0


async def _refuse(send: ASGISendCallable) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(_REFUSAL)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": _REFUSAL, "more_body": False})
