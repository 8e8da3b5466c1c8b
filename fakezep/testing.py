"""A real fake server in a thread, for tests."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fakezep._serving import ZepServer
from fakezep.core import Settings

_START_S_MAX = 10.0
_STOP_S_MAX = 60.0


@dataclass(frozen=True, kw_only=True)
class RunningFakeZep:
    """A fake that listens. ``url`` is the root: the SDK's base URL is ``api_url``."""

    url: str
    admin_url: str
    api_key: str = field(repr=False)
    admin_key: str = field(repr=False)

    @property
    def api_url(self) -> str:
        """The base URL for the SDK (contract section 2: it adds no prefix itself)."""
        return f"{self.url}/api/v2"


@contextmanager
def running_fakezep(
    settings: Settings | None = None, *, host: str = "127.0.0.1", rng: random.Random | None = None
) -> Iterator[RunningFakeZep]:
    """Serve on a free port in a thread for the length of the ``with`` block; no thread is left behind.

    Raises RuntimeError when the server does not start or stop in 10 seconds.
    """
    settings = settings or Settings()
    ready = threading.Event()
    server = ZepServer(host, 0, settings, rng=rng, on_ready=lambda _: ready.set())
    thread = threading.Thread(target=server.serve_here, name="fakezep", daemon=True)
    thread.start()
    try:
        if not ready.wait(_START_S_MAX):
            raise RuntimeError(f"fakezep did not start in {_START_S_MAX:.0f} s at {server.address.url}")
        yield RunningFakeZep(
            url=server.address.url,
            admin_url=server.address.admin_url,
            api_key=settings.api_keys[0] if settings.api_keys else "",
            admin_key=settings.admin_key,
        )
    finally:
        server.should_exit = True
        thread.join(_STOP_S_MAX)
        if thread.is_alive():
            raise RuntimeError(f"fakezep did not stop in {_STOP_S_MAX:.0f} s")
