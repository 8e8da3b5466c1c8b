"""The sync shell: carries out what the engine says, with a real store, the real SDK, logs and metrics."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, TypeVar
from weakref import WeakSet

from guard.core.ids import check_id
from guard.core.modes import Mode
from guard.core.results import ContextResult
from guard.core.settings import Settings, read_settings
from guard.core.worker import Worker
from guard.engine import Call, Called, Command, Engine, Steps, Tell, WriteResult
from guard.errors import StoreUnavailable
from guard.heartbeat import Heartbeat
from guard.notices import StoreAnswered
from guard.store.memory import MemoryStore
from guard.store.protocol import Store
from guard.telemetry import Telemetry
from guard.zep.calls import ZepCalls, ZepFailure

__all__ = ["PATIENT_S", "MemoryService", "load_client", "open_store", "worker_name"]

T = TypeVar("T")


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


_SERVICES: WeakSet[Any] = WeakSet()


def _forget_in_child() -> None:
    for service in list(_SERVICES):
        service.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)


class MemoryService:
    """Memory for a chat, guarded: one per process, shared by its threads.

    Nothing (connection, thread, client) is made before the first use, and all of it anew after a fork.

    Args:
        settings: see ``guard.core.settings``.
        program: the name under which this process shows in ``zep_mode --status``.
        store: opens the store; by default the one that the settings name.
        zep: opens the way to Zep; by default the official SDK.
        telemetry: told of calls and transitions.
        monotonic: gives seconds that never jump; measures latencies.
        wall: gives unix seconds, for a process that never saw the store.
        eager: import the SDK now (0.6 s) rather than inside the first call, on top of whose deadline it would come.
            Never where base mode is ``off``, nor where ``zep`` is given.
    """

    _store: Store | None
    _patient_store: Store | None
    _zep: ZepCalls | None
    _heartbeat: Heartbeat | None

    def __init__(
        self,
        settings: Settings,
        *,
        program: str = "",
        store: Callable[[], Store] | None = None,
        zep: Callable[[], ZepCalls] | None = None,
        telemetry: Telemetry | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        eager: bool = True,
    ) -> None:
        self.settings = settings
        self.program = program or os.environ.get("ZEPGUARD_PROGRAM", "") or "python"
        self._own_store = store is None
        self._open_store = store or (lambda: open_store(settings))
        self._open_zep = zep or self._open_sdk
        self._telemetry = telemetry or Telemetry()
        self._monotonic = monotonic
        self._wall = wall
        self.forget()
        _SERVICES.add(self)
        if eager and zep is None:
            load_client(settings, "guard.zep.sdk")

    @classmethod
    def from_env(
        cls, environ: Mapping[str, str] | None = None, *, program: str = "", eager: bool = True
    ) -> MemoryService:
        """Make the service from environment variables; log lines go to ``ZEPGUARD_LOG_FILE`` if that is set.

        Raises:
            SettingsError: naming the variable, its value and the remedy.
        """
        from guard.log_privacy import use_regions

        settings = read_settings(os.environ if environ is None else environ)
        use_regions(settings.pii_regions)
        if settings.log_file:
            from guard import logs

            logs.configure(settings.log_file)
        return cls(settings, program=program, eager=eager)

    @property
    def base_mode(self) -> Mode:
        """The mode that this process's flags ask for."""
        return self.settings.base_mode

    def mode(self) -> Mode:
        """The effective mode, from a view of the record at most a second old."""
        sight = self.engine.sight
        if self._monotonic() < sight.fresh_until:
            return sight.mode
        return self._run(self.engine.look())

    def read_context(self, *, user_id: str, thread_id: str) -> ContextResult:
        """Read what Zep remembers for a thread; never raises for anything that Zep or the store does.

        Args:
            user_id: whose thread it is.
            thread_id: the app's own id; reaches Zep unchanged.

        Raises:
            UnsafeId: an id that would ask Zep for another path.
        """
        check_id("user", user_id)
        check_id("thread", thread_id)
        return self._run(self.engine.read_context(user_id, thread_id))

    def write(self, thread_id: str, perform: Callable[[ZepCalls], Any]) -> WriteResult:
        """Make one call of a delivery under the write breaker; used by the outbox."""
        return self._run(self.engine.write(thread_id, perform))

    def store(self) -> Store:
        """The store of this process."""
        with self._lock:
            if self._store is None:
                self._store = self._open_store()
            return self._store

    def patient_store(self) -> Store:
        """The same store through connections that wait ``PATIENT_S``; for what is no part of a turn."""
        if not (self._own_store and self.settings.redis_url):
            return self.store()
        with self._lock:
            if self._patient_store is None:
                patience_s = max(PATIENT_S, self.settings.store_timeout_ms / 1000)
                self._patient_store = open_store(self.settings, timeout_s=patience_s)
            return self._patient_store

    def start_heartbeat(self, *, reads: bool = True) -> None:
        """Get SDK, logs and counts ready, and say each second which base mode this process runs with, until ``close``.

        Args:
            reads: whether this process reads context; the fleet's base mode is that of those that do.
        """
        if self._heartbeat is not None:
            self._heartbeat.stop()
        self._telemetry.get_ready()
        self._way_to_zep()
        worker = Worker(
            name=worker_name(self.program),
            program=self.program,
            pid=os.getpid(),
            base=self.base_mode,
            reads=reads,
        )
        self._heartbeat = Heartbeat(worker, self.patient_store, on_store=self._told_by_heartbeat)
        self._heartbeat.start()

    def close(self) -> None:
        """Stop the heartbeat and close connections; the service can be used again."""
        if self._heartbeat is not None:
            self._heartbeat.stop()
            self._heartbeat = None
        with self._lock:
            for opened in (self._zep, self._store, self._patient_store):
                close = getattr(opened, "close", None)
                if close is not None:
                    close()
            self._zep = self._store = self._patient_store = None

    def _open_sdk(self) -> ZepCalls:
        from guard.zep.sdk import SdkZep

        return SdkZep(base_url=self.settings.base_url, api_key=self.settings.api_key, timeout_s=self.settings.timeout_s)

    def _way_to_zep(self) -> ZepCalls:
        with self._lock:
            if self._zep is None:
                self._zep = self._open_zep()
            return self._zep

    def _told_by_heartbeat(self, error: StoreUnavailable | None) -> None:
        self._telemetry.tell(StoreAnswered(error))

    def forget(self) -> None:
        """Start empty, as a forked child must: what was made is the parent's, and its lock may be held for ever."""
        self._lock = Lock()
        self._store = None
        self._patient_store = None
        self._zep = None
        self._heartbeat = None
        settings = self.settings
        self.engine = Engine(
            settings.base_mode,
            settings.policy,
            worker=worker_name(self.program),
            calls_max=settings.calls_max,
            monotonic=self._monotonic,
            wall=self._wall,
        )

    def _run(self, steps: Steps[T]) -> T:
        """Carry the steps out; what interrupts one is thrown into them, so that they can give back what they hold."""
        try:
            command = next(steps)
            while True:
                try:
                    answer = self._carry_out(command)
                except BaseException as interruption:
                    command = steps.throw(interruption)
                else:
                    command = steps.send(answer)
        except StopIteration as stop:
            result: T = stop.value
            return result

    def _carry_out(self, command: Command) -> Any:
        if isinstance(command, Tell):
            return self._telemetry.tell(command.notice)
        if isinstance(command, Call):
            return self._call(command)
        try:
            return command.ask(self.store())
        except StoreUnavailable as error:
            return error

    def _call(self, call: Call) -> Called:
        started = self._monotonic()
        try:
            value = call.perform(self._way_to_zep())
        except ZepFailure as failure:
            return Called(failure=failure, latency_s=self._monotonic() - started)
        return Called(value=value, latency_s=self._monotonic() - started)
