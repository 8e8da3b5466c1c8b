"""The shell for coroutines: carries out what the same engine says, with one set of clients for each event loop."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from importlib import import_module
from typing import Any, TypeVar
from weakref import WeakSet

from guard.core.ids import check_id
from guard.core.modes import Mode
from guard.core.results import ContextResult
from guard.core.settings import Settings
from guard.engine import Ask, Call, Called, Command, Steps, Tell, WriteResult
from guard.errors import StoreUnavailable
from guard.shell import PATIENT_S, Shell, load_client, open_store, settings_of
from guard.store.async_memory import AsyncMemoryStore
from guard.store.protocol import AsyncStore, Store
from guard.telemetry import Telemetry
from guard.zep.calls import AsyncZepCalls, ZepFailure

__all__ = ["AsyncMemoryService"]

T = TypeVar("T")

_CLOSE_S = 2.0
"""So long ``close`` waits for another thread's loop, seconds."""

_SERVICES: WeakSet[Any] = WeakSet()
_INHERITED: list[object] = []
"""What a parent's loops use. A child never touches it: even its collection would wake the parent's loop."""


def _forget_in_child() -> None:
    for service in list(_SERVICES):
        _INHERITED.append(service.forget())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)


class _Clients:
    """One loop's way to Zep and to the store, each opened when it is first used."""

    def __init__(self, open_zep: Callable[[], AsyncZepCalls], open_store: Callable[[], AsyncStore]) -> None:
        self._open_zep = open_zep
        self._open_store = open_store
        self._zep: AsyncZepCalls | None = None
        self._store: AsyncStore | None = None
        self.keeper: AsyncGenerator[None, None] | None = None

    def zep(self) -> AsyncZepCalls:
        if self._zep is None:
            self._zep = self._open_zep()
        return self._zep

    def store(self) -> AsyncStore:
        if self._store is None:
            self._store = self._open_store()
        return self._store

    async def aclose(self) -> None:
        opened, self._zep, self._store = (self._zep, self._store), None, None
        for one in opened:
            close = getattr(one, "aclose", None)
            if close is not None:
                await close()


class AsyncMemoryService(Shell):
    """Memory for a chat, guarded, for asyncio and uvloop: one per process, shared by its tasks, loops and threads.

    The mode, the counts and the contexts kept are the process's; connections belong to an event loop, and are closed
    when it ends by ``asyncio.run`` or ``loop.shutdown_asyncgens()``. All is made anew after a fork.

    Args:
        settings: see ``guard.core.settings``.
        program: the name under which this process shows in ``zep_mode --status``.
        store: opens a loop's store; by default the one that the settings name.
        zep: opens a loop's way to Zep; by default the official SDK.
        telemetry: told of calls and transitions.
        monotonic: gives seconds that never jump; measures latencies.
        wall: gives unix seconds, for a process that never saw the store.
        eager: import the SDK now (0.6 s) rather than inside the first call, on top of whose deadline it would come.
            Never where base mode is ``off``, nor where ``zep`` is given.
    """

    _store: Store | None

    def __init__(
        self,
        settings: Settings,
        *,
        program: str = "",
        store: Callable[[], AsyncStore] | None = None,
        zep: Callable[[], AsyncZepCalls] | None = None,
        telemetry: Telemetry | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        eager: bool = True,
    ) -> None:
        self._open_store = store or self._open_loops_store
        self._open_zep = zep or self._open_sdk
        self._loops: dict[asyncio.AbstractEventLoop, _Clients] = {}
        super().__init__(settings, program=program, telemetry=telemetry, monotonic=monotonic, wall=wall)
        _SERVICES.add(self)
        if eager and zep is None:
            load_client(settings, "guard.zep.async_sdk")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, *, program: str = "") -> AsyncMemoryService:
        """Make the service from environment variables; log lines go to ``ZEPGUARD_LOG_FILE`` if that is set.

        Raises:
            SettingsError: naming the variable, its value and the remedy.
        """
        return cls(settings_of(environ), program=program)

    async def mode(self) -> Mode:
        """The effective mode, from a view of the record at most a second old."""
        sight = self.engine.sight
        if self._monotonic() < sight.fresh_until:
            return sight.mode
        return await self._run(self.engine.look())

    async def read_context(self, *, user_id: str, thread_id: str) -> ContextResult:
        """Read what Zep remembers for a thread; never raises for anything that Zep or the store does.

        Cancelled, it closes its connection to Zep and gives back its place and its lease before it ends, which takes
        at most one request to the store.

        Args:
            user_id: whose thread it is.
            thread_id: the app's own id; reaches Zep unchanged.

        Raises:
            UnsafeId: an id that would ask Zep for another path.
        """
        check_id("user", user_id)
        check_id("thread", thread_id)
        return await self._run(self.engine.read_context(user_id, thread_id))

    async def write(self, thread_id: str, perform: Callable[[AsyncZepCalls], Awaitable[Any]]) -> WriteResult:
        """Make one call of a delivery under the write breaker."""
        return await self._run(self.engine.write(thread_id, perform))

    def store(self) -> Store:
        """The store of this process for code that may block: the heartbeat's thread, and a scrape's."""
        with self._lock:
            if self._store is None:
                self._store = open_store(self.settings, timeout_s=PATIENT_S)
            return self._store

    def patient_store(self) -> Store:
        """The same, by the name that ``MemoryService`` has for it."""
        return self.store()

    def start_heartbeat(self, *, reads: bool = True) -> None:
        """Get SDK, logs and counts ready, and say each second, in a thread, with which base mode this process runs.

        Args:
            reads: whether this process reads context; the fleet's base mode is that of those that do.
        """
        heartbeat = self._new_heartbeat(self.store, reads=reads)
        import_module("zep_cloud.base_client")  # would hold the loop up at the first read
        heartbeat.start(wait=False)

    async def close(self) -> None:
        """Stop the heartbeat and close the connections of all loops; the service can be used again."""
        heartbeat, self._heartbeat = self._heartbeat, None
        if heartbeat is not None:
            await asyncio.to_thread(heartbeat.stop)
        here = asyncio.get_running_loop()
        for loop, clients in list(self._loops.items()):
            if clients.keeper is None:
                continue
            if loop is here:
                await clients.keeper.aclose()
            elif loop.is_running():
                there = asyncio.run_coroutine_threadsafe(_ended(clients.keeper), loop)
                await asyncio.wait([asyncio.wrap_future(there)], timeout=_CLOSE_S)
        with self._lock:
            close = getattr(self._store, "close", None)
            self._store = None
        if close is not None:
            close()

    def forget(self) -> object:
        """Start empty, as a forked child must; gives what was dropped."""
        inherited, self._loops = self._loops, {}
        self._start_empty()
        return inherited

    def _start_empty(self) -> None:
        super()._start_empty()
        self._store = None

    def _open_loops_store(self) -> AsyncStore:
        settings = self.settings
        if not settings.redis_url:
            return AsyncMemoryStore(self.store())
        from guard.store.async_shared import AsyncRedisStore, connect_async

        timeout_s = settings.store_timeout_ms / 1000
        client = connect_async(settings.redis_url, timeout_s=timeout_s)
        return AsyncRedisStore(client, namespace=settings.namespace, policy=settings.policy, timeout_s=timeout_s)

    def _open_sdk(self) -> AsyncZepCalls:
        from guard.zep.async_sdk import AsyncSdkZep

        settings = self.settings
        return AsyncSdkZep(base_url=settings.base_url, api_key=settings.api_key, timeout_s=settings.timeout_s)

    # -- one loop's clients ------------------------------------------------------------------------------------------

    async def _clients(self) -> _Clients:
        loop = asyncio.get_running_loop()
        clients = self._loops.get(loop)
        if clients is None:
            for gone in [one for one in list(self._loops) if one.is_closed()]:
                self._loops.pop(gone, None)  # ended without a word; its sockets go with it
            clients = self._loops[loop] = _Clients(self._open_zep, self._open_store)
            clients.keeper = self._keep(loop, clients)
            await anext(clients.keeper)
        return clients

    async def _keep(self, loop: asyncio.AbstractEventLoop, clients: _Clients) -> AsyncGenerator[None, None]:
        """An asynchronous generator is what a loop ends before it closes: the one hook that there is."""
        try:
            yield
        finally:
            self._loops.pop(loop, None)
            await clients.aclose()

    # -- the interpreter ---------------------------------------------------------------------------------------------

    async def _run(self, steps: Steps[T]) -> T:
        """Carry the steps out. An interruption takes effect in a call to Zep, or else after the last step."""
        held: BaseException | None = None
        try:
            command = next(steps)
            while True:
                try:
                    if held is not None and isinstance(command, Call):
                        raise held
                    answer, interruption = await self._carry_out(command)
                except BaseException as error:
                    held = None
                    command = steps.throw(error)
                else:
                    held = held or interruption
                    command = steps.send(answer)
        except StopIteration as stop:
            if held is not None:
                raise held from None
            result: T = stop.value
            return result

    async def _carry_out(self, command: Command) -> tuple[Any, BaseException | None]:
        match command:
            case Ask(ask):
                return await self._ask(ask)
            case Call():
                return await self._call(command), None
            case Tell(notice):
                self._telemetry.tell(notice)
                return None, None

    async def _ask(self, ask: Callable[[Any], Any]) -> tuple[Any, BaseException | None]:
        """Ask the store to the end, which it bounds itself: half a request may have been carried out, or not."""
        asked = asyncio.ensure_future(self._asked(ask))
        interruption: BaseException | None = None
        while not asked.done():
            try:
                await asyncio.wait([asked])
            except asyncio.CancelledError as error:
                interruption = error
        return asked.result(), interruption

    async def _asked(self, ask: Callable[[Any], Any]) -> Any:
        clients = await self._clients()
        try:
            return await ask(clients.store())
        except StoreUnavailable as error:
            return error

    async def _call(self, call: Call) -> Called:
        clients = await self._clients()
        started = self._monotonic()
        try:
            value = await call.perform(clients.zep())
        except ZepFailure as failure:
            return Called(failure=failure, latency_s=self._monotonic() - started)
        return Called(value=value, latency_s=self._monotonic() - started)


async def _ended(keeper: AsyncGenerator[None, None]) -> None:
    await keeper.aclose()
