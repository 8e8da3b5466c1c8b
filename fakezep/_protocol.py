"""uvicorn's h11 protocol with one addition: the application may close the connection.

ASGI has no way to say "hang up": returning without an answer makes uvicorn send a clean 500, which is the
very thing that a lost answer is not. So each scope carries the transport's ``close``; bytes written before
still leave.
"""

import asyncio
import socket

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from fakezep._shell import DROP_EXTENSION


class DroppableProtocol(H11Protocol):
    """HTTP/1.1 whose requests can be hung up on, by ``scope["extensions"]["fakezep.drop"]["drop"]()``."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Offer ``drop`` to every request of this connection.

        Nagle's algorithm is switched off: asyncio does so only for sockets that name their protocol, and
        else each answer on a kept connection waits some 40 ms for the client's delayed acknowledgement.
        """
        super().connection_made(transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        app: ASGIApp = self.app

        async def with_drop(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[DROP_EXTENSION] = {"drop": transport.close}
            await app(scope, receive, send)

        self.app = with_drop
