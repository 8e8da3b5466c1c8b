"""The sync shell: carries out what the engine says, with a real store, the real SDK, logs and metrics."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from weakref import WeakSet

from guard.core.ids import check_id
from guard.core.modes import Mode
from guard.core.results import ContextResult
from guard.core.settings import Settings
from guard.engine import Call, Called, Command, GuardedRead, GuardedWrite, Steps, Tell, WriteResult
from guard.errors import StoreUnavailable
from guard.shell import PATIENT_S, Shell, load_client, open_store, settings_of
from guard.store.protocol import Applied, Store
from guard.telemetry import Telemetry
from guard.zep.calls import ZepCalls, ZepFailure

__all__ = ["MemoryService"]

T = TypeVar("T")


_SERVICES: WeakSet[Any] = WeakSet()


def _forget_in_child() -> None:
    for service in list(_SERVICES):
        service.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)


class MemoryService(Shell):
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
        self._own_store = store is None
        self._open_store = store or (lambda: open_store(settings))
        self._open_zep = zep or self._open_sdk
        super().__init__(settings, program=program, telemetry=telemetry, monotonic=monotonic, wall=wall)
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
        return cls(settings_of(environ), program=program, eager=eager)

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
        engine = self.engine
        read = engine.begin_read(user_id, thread_id)
        if read is None:
            return self._run(engine.read_context(user_id, thread_id))
        if not engine.is_clear(read):
            return self._run(engine.read_on(read))
        try:
            entry = (self._store or self.store()).thread_entry(thread_id, user_id)
        except StoreUnavailable as error:
            return self._run(engine.entry_lost(read, error))
        if not engine.take_in(read, entry):
            return self._run(engine.held_back(read, entry))
        places = engine.places_to_read
        try:
            place = places.pop()
        except IndexError:
            return self._run(engine.no_place_to_read(read))
        try:
            called, applied = self._straight(read)
        finally:
            places.append(place)
        if called.failure is not None:
            return self._run(engine.context_of(read, called, applied))
        return engine.context(read, called, applied)

    def write(self, thread_id: str, perform: Callable[[ZepCalls], Any]) -> WriteResult:
        """Make one call of a delivery under the write breaker; used by the outbox."""
        engine = self.engine
        write = engine.begin_write(thread_id, perform)
        if write is None:
            return self._run(engine.write(thread_id, perform))
        if write.admission is not engine.sight.write_go:
            return self._run(engine.write_on(write))
        places = engine.places_to_write
        try:
            place = places.pop()
        except IndexError:
            return self._run(engine.no_place_to_write())
        try:
            called, _ = self._straight(write)
        finally:
            places.append(place)
        return engine.written(called)

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
        heartbeat = self._new_heartbeat(self.patient_store, reads=reads)
        self._way_to_zep()
        heartbeat.start()

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

    def forget(self) -> None:
        """Start empty, as a forked child must: what was made is the parent's, and its lock may be held for ever."""
        self._start_empty()

    def _start_empty(self) -> None:
        super()._start_empty()
        self._store = None
        self._patient_store = None
        self._zep = None

    def _straight(self, guarded: GuardedRead | GuardedWrite) -> tuple[Called, Applied]:
        """Make an admitted call that holds no lease, and report it: the engine's steps, without a command for each.

        What is not as usual (a failure, a store that is away or answers with more than the record) is left to them.
        """
        engine, ticket = self.engine, guarded.admission.ticket
        self._telemetry.tell(guarded.sent)
        called = self._made(guarded.perform)
        if called.failure is not None or engine.sight.alone:
            return called, self._run(engine.conclude(guarded, ticket, called))
        report = engine.report(guarded, ticket, called)
        asked_at = self._monotonic()
        answer: Applied | StoreUnavailable
        try:
            answer = (self._store or self.store()).apply(report)
        except StoreUnavailable as error:
            answer = error
        if isinstance(answer, StoreUnavailable) or not engine.settled(answer, asked_at):
            return called, self._run(engine.concluded(report, called, answer, asked_at))
        self._telemetry.tell(engine.ended(report, called, answer))
        return called, answer

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
            return self._made(command.perform)
        try:
            return command.ask(self.store())
        except StoreUnavailable as error:
            return error

    def _made(self, perform: Callable[[Any], Any]) -> Called:
        monotonic = self._monotonic
        started = monotonic()
        try:
            value = perform(self._zep or self._way_to_zep())
        except ZepFailure as failure:
            return Called(monotonic() - started, None, failure)
        return Called(monotonic() - started, value)
