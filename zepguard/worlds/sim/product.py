"""The programs of the product in one process: which run, with which settings, and under which pid."""

from __future__ import annotations

import random
import socket
from collections.abc import Mapping
from contextlib import suppress
from itertools import count

from chatapp.turns.asking import Carrier
from fakezep import FakeZep
from guard.core.settings import Settings, read_settings
from guard.core.worker import Worker
from guard.errors import SettingsError, StoreUnavailable
from guard.heartbeat import HEARTBEAT_S
from guard.service import MemoryService
from guard.store.protocol import Store
from guard.telemetry import Telemetry
from guard.zep.sdk import SdkZep
from zepguard.stack.programs import APP, WORKERS
from zepguard.worlds.sim.carrier import InPlace
from zepguard.worlds.sim.clock import VirtualClock
from zepguard.worlds.sim.deliveries import Deliveries
from zepguard.worlds.sim.store import StoreServer
from zepguard.worlds.sim.wire import Wire
from zepguard.worlds.world import WorldError

__all__ = ["Product"]

_WEB, _CHAT, _DELIVERY = APP[0], *WORKERS
_RESTART_S = 1.0
_FIRST_PID = 101


class Product:
    """Web, chat worker and delivery worker over one store.

    Args:
        variables: what the programs read at their start; may be changed in place.
        clock: the world's.
        zep: what their calls reach.
    """

    def __init__(self, variables: dict[str, str], *, clock: VirtualClock, zep: FakeZep) -> None:
        self.variables = variables
        self._clock = clock
        self.store = StoreServer(clock.time)
        self.wire = Wire(zep, clock, random.Random(1))
        self._pids: dict[str, int] = dict.fromkeys(APP, 0)
        self._next_pid = count(_FIRST_PID)
        self._running: dict[str, MemoryService] = {}
        self.deliveries = Deliveries(clock, lambda: self._running.get(_DELIVERY), draw=random.Random(2).random)
        self.between = InPlace(lambda: self._running.get(_CHAT), sleep=clock.sleep, answered=self.deliveries.nudge)

    @property
    def carrier(self) -> Carrier:
        """Carries the web's questions to the chat worker."""
        return self.between.carrier

    @property
    def web(self) -> MemoryService:
        """The web's service."""
        return self._running[_WEB]

    @property
    def chat(self) -> MemoryService:
        """The chat worker's."""
        return self._running[_CHAT]

    @property
    def pids(self) -> Mapping[str, int]:
        """Virtual pids; 0 for a program that does not run."""
        return dict(self._pids)

    def start(self) -> None:
        """Start all programs."""
        for name in APP:
            self._start(name, read_settings(self.variables))

    def restart_workers(self) -> None:
        """Stop both workers, and start them with the variables as they are now; batches under way go on.

        Raises:
            WorldError: they do not start with these variables.
        """
        for name in WORKERS:
            self._stop(name)
        self._clock.sleep(_RESTART_S)
        try:
            settings = read_settings(self.variables)
        except SettingsError as error:
            raise WorldError(f"restart celery_chat_worker: it ended at its start: {error}") from error
        for name in WORKERS:
            self._start(name, settings)

    def kill(self, name: str) -> None:
        """End a program where it stands, without a word to the store, and start it again after a second.

        Raises:
            WorldError: there is no such program.
        """
        if name not in WORKERS:
            raise WorldError(f"there is no program {name!r} to kill: there are {', '.join(WORKERS)}")
        self._running.pop(name, None)
        self._pids[name] = 0
        if name == _DELIVERY:
            self._clock.cut_lanes()
        self._clock.sleep(_RESTART_S)
        self._start(name, read_settings(self.variables))

    def service(self, program: str, settings: Settings | None = None) -> MemoryService:
        """Make the guard as ``program`` would, with the variables as they are now.

        Raises:
            SettingsError: for a variable that cannot be used.
        """
        settings = settings or read_settings(self.variables)
        return MemoryService(
            settings,
            program=program,
            store=lambda: self._store(settings),
            zep=lambda: self._sdk(settings),
            telemetry=Telemetry(monotonic=self._clock.monotonic),
            monotonic=self._clock.monotonic,
        )

    def _store(self, settings: Settings) -> Store:
        return self.store.store(settings)

    def _sdk(self, settings: Settings) -> SdkZep:
        return SdkZep(
            base_url=settings.base_url,
            api_key=settings.api_key,
            timeout_s=settings.timeout_s,
            transport=self.wire.transport(),
            clock=self._clock.time,
        )

    def _start(self, name: str, settings: Settings) -> None:
        self._running[name] = self.service(name, settings)
        self._pids[name] = next(self._next_pid)
        self._running[name].engine.worker = self._worker_name(name)  # by itself, by the pid that all of them share
        if name in WORKERS:
            self._beat(self._worker(name))

    def _stop(self, name: str) -> None:
        service = self._running.pop(name, None)
        if service is not None:
            with suppress(StoreUnavailable):  # as a heartbeat's end does
                service.store().retire(self._worker_name(name))
        self._pids[name] = 0

    def _worker(self, name: str) -> Worker:
        return Worker(
            name=self._worker_name(name),
            program=name,
            pid=self._pids[name],
            base=self._running[name].base_mode,
        )

    def _worker_name(self, name: str) -> str:
        return f"{name}@{socket.gethostname()}:{self._pids[name]}"

    def _beat(self, worker: Worker) -> None:
        if self._pids[worker.program] == worker.pid:
            with suppress(StoreUnavailable):
                self._running[worker.program].store().beat(worker)
            self._clock.after(HEARTBEAT_S, lambda: self._beat(worker))
