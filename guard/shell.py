"""What the shells for threads and for coroutines have in common: settings, engine, heartbeat, life after a fork."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from threading import Lock

from guard.core.modes import Mode
from guard.core.settings import Settings, read_settings
from guard.core.worker import Worker
from guard.engine import Engine
from guard.errors import StoreUnavailable
from guard.heartbeat import Heartbeat
from guard.notices import StoreAnswered
from guard.store.memory import MemoryStore
from guard.store.protocol import Store
from guard.telemetry import Telemetry

__all__ = ["PATIENT_S", "Shell", "load_client", "open_store", "settings_of", "worker_name"]

PATIENT_S = 2.0
"""How long a heartbeat, a scrape or an operator waits for the store, seconds: nobody's turn waits with them."""


def open_store(settings: Settings, *, timeout_s: float | None = None) -> Store:
    """Open the store that ``GUARD_REDIS_URL`` names; without one, the state of this process alone.

    Args:
        settings: where it is.
        timeout_s: longest wait for one answer, seconds; by default ``ZEPGUARD_STORE_TIMEOUT_MS``, as a turn's.
    """
    if not settings.redis_url:
        return MemoryStore(settings.policy)
    from guard.store.shared import RedisStore, connect

    timeout_s = timeout_s or settings.store_timeout_ms / 1000
    client = connect(settings.redis_url, timeout_s=timeout_s)
    return RedisStore(client, namespace=settings.namespace, policy=settings.policy, timeout_s=timeout_s)


def worker_name(program: str) -> str:
    """This process among the fleet's."""
    return f"{program}@{socket.gethostname()}:{os.getpid()}"


def load_client(settings: Settings, client: str) -> None:
    """Import what a first call needs, where calls will be made at all."""
    if settings.base_mode is not Mode.OFF:
        import guard.logs
        import guard.metrics.instruments  # noqa: F401
        from guard.pii import redact
        from guard.zep.loading import load

        load(client)
        redact("05321234567", regions=settings.pii_regions)  # the numbering plans, 0.2 s, for the first log line


def settings_of(environ: Mapping[str, str] | None) -> Settings:
    """Read the settings, and have the log lines of this process go where they say and lose what they say.

    Raises:
        SettingsError: naming the variable, its value and the remedy.
    """
    from guard.log_privacy import use_regions

    settings = read_settings(os.environ if environ is None else environ)
    use_regions(settings.pii_regions)
    if settings.log_file:
        from guard import logs

        logs.configure(settings.log_file)
    return settings


class Shell:
    """One process's engine and heartbeat; ``guard.service`` and ``guard.async_service`` carry its commands out.

    Args:
        settings: see ``guard.core.settings``.
        program: the name under which this process shows in ``zep_mode --status``.
        telemetry: told of calls and transitions.
        monotonic: gives seconds that never jump; measures latencies.
        wall: gives unix seconds, for a process that never saw the store.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        program: str,
        telemetry: Telemetry | None,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self.settings = settings
        self.program = program or os.environ.get("ZEPGUARD_PROGRAM", "") or "python"
        self._telemetry = telemetry or Telemetry()
        self._monotonic = monotonic
        self._wall = wall
        self._start_empty()

    def _start_empty(self) -> None:
        self._lock = Lock()
        self._heartbeat: Heartbeat | None = None
        settings = self.settings
        self.engine = Engine(
            settings.base_mode,
            settings.policy,
            worker=worker_name(self.program),
            calls_max=settings.calls_max,
            monotonic=self._monotonic,
            wall=self._wall,
        )

    @property
    def base_mode(self) -> Mode:
        """The mode that this process's flags ask for."""
        return self.settings.base_mode

    def _new_heartbeat(self, store: Callable[[], Store], *, reads: bool) -> Heartbeat:
        """A heartbeat in place of the one that there may be; not started yet."""
        if self._heartbeat is not None:
            self._heartbeat.stop()
        self._telemetry.get_ready()
        worker = Worker(
            name=worker_name(self.program), program=self.program, pid=os.getpid(), base=self.base_mode, reads=reads
        )
        self._heartbeat = Heartbeat(worker, store, on_store=self._told_by_heartbeat)
        return self._heartbeat

    def _told_by_heartbeat(self, error: StoreUnavailable | None) -> None:
        self._telemetry.tell(StoreAnswered(error))
