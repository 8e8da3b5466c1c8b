"""Running a fake on a socket: uvicorn around the shell, for a process of its own or for a thread."""

import asyncio
import json
import random
import socket
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import uvicorn

from fakezep._protocol import DroppableProtocol
from fakezep._shell import Shell
from fakezep.core import DEFAULT_ADMIN_KEY, DEFAULT_API_KEY, FakeZep, Settings

_SHUTDOWN_S_MAX = 5


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a fake listens: ``url`` without ``/api/v2`` and ``admin_url``, which ends in ``/admin``."""

    url: str
    admin_url: str

    @classmethod
    def of(cls, host: str, port: int) -> "Address":
        """The address of a host name or address and a port."""
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        return cls(url=url, admin_url=f"{url}/admin")


class ZepServer(uvicorn.Server):
    """uvicorn with a listening socket from the start, a call when ready, and a stop that waits for nobody."""

    def __init__(
        self,
        host: str,
        port: int,
        settings: Settings,
        *,
        rng: random.Random | None = None,
        log_level: str = "warning",
        on_ready: Callable[[Address], None] | None = None,
    ) -> None:
        self._socket = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=2048
        )
        self.address = Address.of(host, self._socket.getsockname()[1])
        self._on_ready = on_ready
        self._shell = Shell(FakeZep(settings, rng=rng))
        config = uvicorn.Config(
            self._shell,
            http=DroppableProtocol,
            ws="none",
            lifespan="off",
            loop="asyncio",
            access_log=False,
            log_config=None,
            log_level=log_level,
            timeout_graceful_shutdown=_SHUTDOWN_S_MAX,
        )
        super().__init__(config)

    def serve_here(self) -> None:
        """Serve in this thread until ``should_exit`` is set or, in the main thread, a signal comes."""
        try:
            asyncio.run(self.serve(sockets=[self._socket]))
        finally:
            self._socket.close()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then tell that the fake is ready."""
        await super().startup(sockets)
        if self._on_ready is not None:
            self._on_ready(self.address)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End all waits first, so that a slow answer cannot hold up the end."""
        self._shell.stop()
        await super().shutdown(sockets)


def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    api_keys: Iterable[str] = (DEFAULT_API_KEY,),
    admin_key: str = DEFAULT_ADMIN_KEY,
    *,
    settings: Settings | None = None,
    log_level: str = "warning",
) -> None:
    """Serve until a signal comes; print one JSON line ``{"url", "admin_url"}`` on stdout when ready.

    Port 0 takes a free one. ``settings`` replaces ``api_keys`` and ``admin_key``. Raises OSError when the
    port is taken.
    """
    settings = settings or Settings(api_keys=tuple(api_keys), admin_key=admin_key)
    ZepServer(host, port, settings, log_level=log_level, on_ready=_announce).serve_here()


def _announce(address: Address) -> None:
    sys.stdout.write(json.dumps({"url": address.url, "admin_url": address.admin_url}) + "\n")
    sys.stdout.flush()
