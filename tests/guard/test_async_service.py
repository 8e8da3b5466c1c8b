"""The service for coroutines: the sync service's cases over the same engine, and loops, cancellation, sockets."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import threading
import warnings
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
import redis
import uvloop

from guard import AsyncMemoryService, ContextStatus, Mode, logs, read_settings
from guard.core.events import AcquireProbe, Force, GiveUp, Report
from guard.core.modes import Reason
from guard.shell import open_store
from guard.store.async_memory import AsyncMemoryStore
from guard.store.memory import MemoryStore
from guard.telemetry import Telemetry
from guard.zep.calls import Answer
from tests.guard import test_bulkhead, test_cache, test_service
from tests.guard.test_service import FLAGS, World, in_child, pytest_fork

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class BackgroundLoop:
    """A loop in a thread of its own, which carries out coroutines for sync tests."""

    def __init__(self, kind: str) -> None:
        self.loop = LOOPS[kind]()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def __call__(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def close(self) -> None:
        self(self.loop.shutdown_asyncgens())
        self(self.loop.shutdown_default_executor())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


class StubAsyncZep:
    """The sync stub, asked in a thread, so that what a test does meanwhile can use the loop."""

    def __init__(self, stub: Any) -> None:
        self._stub = stub

    async def read_context(self, thread_id: str) -> Answer:
        return await asyncio.to_thread(self._stub.read_context, thread_id)

    async def aclose(self) -> None:
        self._stub.close()


class Blocking:
    """An async service with the sync one's methods."""

    def __init__(self, service: AsyncMemoryService, run: BackgroundLoop) -> None:
        self.awaited = service
        self._run = run

    def mode(self) -> Mode:
        return self._run(self.awaited.mode())

    def read_context(self, **ids: str) -> Any:
        return self._run(self.awaited.read_context(**ids))

    def write(self, thread_id: str, perform: Callable[[Any], Any]) -> Any:
        return self._run(self.awaited.write(thread_id, lambda zep: asyncio.to_thread(perform, zep)))

    def close(self) -> None:
        self._run(self.awaited.close())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.awaited, name)


class AsyncWorld(World):
    """The same stubs under an async service."""

    run: BackgroundLoop

    def another(self, **variables: str) -> Any:
        settings = read_settings({**FLAGS, **variables}) if variables else self.settings
        service = AsyncMemoryService(
            settings,
            program="test",
            store=lambda: AsyncMemoryStore(self.store),  # type: ignore[arg-type]
            zep=lambda: StubAsyncZep(self.zep),  # type: ignore[arg-type,return-value]
            telemetry=Telemetry(monotonic=self.clock),
            monotonic=self.clock,
        )
        return Blocking(service, self.run)


@pytest.fixture(params=list(LOOPS))
def background(request: pytest.FixtureRequest) -> Iterator[BackgroundLoop]:
    loop = BackgroundLoop(request.param)
    yield loop
    loop.close()


@pytest.fixture
def make(clock: Any, tmp_path: Path, background: BackgroundLoop) -> Iterator[Callable[..., World]]:
    logs.configure(str(tmp_path / "app.log"))
    AsyncWorld.run = background
    yield lambda **variables: AsyncWorld(clock, tmp_path / "app.log", **variables)
    logs.configure()


@pytest.fixture
def world(make: Callable[..., World]) -> World:
    return make()


# -- the sync service's cases ----------------------------------------------------------------------------------------

ELSEWHERE = frozenset(
    {
        # Forks, and a store or heartbeat of the sync service: below, and in test_service.py.
        "test_after_a_fork_a_child_makes_everything_anew",
        "test_a_fork_while_another_thread_is_at_work_hangs_no_child",
        "test_a_heartbeat_lists_the_process_until_it_closes",
        "test_a_second_start_of_the_heartbeat_leaves_one_thread",
        "test_a_heartbeat_outlives_a_store_that_is_away",
        # An interruption of the store itself, which is not interrupted here: below.
        "test_an_interruption_while_the_store_is_asked_gives_the_place_back",
    }
)

for _module in (test_service, test_cache, test_bulkhead):
    for _name, _case in list(vars(_module).items()):
        if not _name.startswith("test_") or _name in ELSEWHERE:
            continue
        if {"world", "make"} & inspect.signature(_case).parameters.keys():
            globals()[_name] = _case


def test_the_sync_services_cases_are_run_here_too() -> None:
    cases = [name for name in globals() if name.startswith("test_")]
    assert len(cases) > 50


# -- real parts ------------------------------------------------------------------------------------------------------


class SlowZep:
    """Waits until it is let go; says when it was asked."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.let_go = asyncio.Event()
        self.cancelled = 0

    async def read_context(self, thread_id: str) -> Answer:
        self.asked.set()
        try:
            await self.let_go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return Answer(text="tea")


def run(kind: str, coroutine: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=LOOPS[kind]) as runner:
        return runner.run(coroutine)


def others() -> set[Any]:
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


both_loops = pytest.mark.parametrize("kind", list(LOOPS))


@both_loops
def test_reads_and_writes_go_through_the_real_sdk_and_the_real_store(
    environ: dict[str, str], fakezep: Any, valkey: redis.Redis, kind: str
) -> None:
    service = AsyncMemoryService.from_env(environ, program="async")

    async def chat() -> list[Any]:
        await service.write("t", lambda zep: zep.ensure_user("u"))
        await service.write("t", lambda zep: zep.ensure_thread("t", "u"))
        found = await asyncio.gather(*(service.read_context(user_id="u", thread_id="t") for _ in range(8)))
        assert await service.mode() is Mode.READ_WRITE
        await service.close()
        assert not others()
        return found

    results = run(kind, chat())
    assert {result.status for result in results} <= {ContextStatus.FRESH, ContextStatus.EMPTY, ContextStatus.CACHED}
    fakezep.keys("another")
    assert run(kind, service.read_context(user_id="u", thread_id="t2")).detail == "auth"
    assert open_store(read_settings(environ)).snapshot().record.downgrades["auth"] == 1


@both_loops
def test_a_cancelled_read_gives_back_its_place_and_the_probe_lease(
    environ: dict[str, str], valkey: redis.Redis, wait_for: Any, kind: str
) -> None:
    """The interruption reaches Zep's call; the store is told before the task ends, and no task is left."""
    environ |= {"ZEPGUARD_CALLS_MAX": "1"}
    store = open_store(read_settings(environ))
    store.apply(Force(reason=Reason.MANUAL, ttl_s=1))
    wait_for(lambda: not (seen := store.snapshot()).record.held(seen.now))

    async def main() -> None:
        zep = SlowZep()
        service = AsyncMemoryService(read_settings(environ), zep=lambda: zep)  # type: ignore[arg-type,return-value]
        for number in range(3):
            zep.asked.clear()
            reading = asyncio.ensure_future(service.read_context(user_id="u", thread_id="t"))
            await asyncio.wait_for(zep.asked.wait(), 10)
            assert store.snapshot().record.lease
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            assert store.snapshot().record.lease == ""
            assert zep.cancelled == number + 1
            assert not others()
        zep.let_go.set()
        assert (await service.read_context(user_id="u", thread_id="t")).status is ContextStatus.FRESH
        await service.close()

    run(kind, main())
    assert store.snapshot().record.restores == 1


class HeldStore(AsyncMemoryStore):
    """A store whose answer to one kind of event is kept back until a test lets it go."""

    def __init__(self, store: MemoryStore, kind: type) -> None:
        super().__init__(store)
        self._kind = kind
        self.events: list[Any] = []
        self.reached = asyncio.Event()
        self.let_go = asyncio.Event()

    async def apply(self, event: Any) -> Any:
        self.events.append(event)
        applied = await super().apply(event)
        if isinstance(event, self._kind) and not self.let_go.is_set():
            self.reached.set()
            await self.let_go.wait()
        return applied


class QuickZep:
    """Answers at once, and counts."""

    def __init__(self) -> None:
        self.asked = 0

    async def read_context(self, thread_id: str) -> Answer:
        self.asked += 1
        return Answer(text="tea")


@both_loops
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("stage", [AcquireProbe, Report])
def test_a_request_to_the_store_is_carried_to_its_end_before_a_cancellation_takes_effect(
    kind: str, stage: type, times: int
) -> None:
    """A lease just granted is given back without a call; a report just made is told as any other."""

    async def main() -> None:
        memory, zep = MemoryStore(read_settings(FLAGS).policy), QuickZep()
        memory.apply(Force(reason=Reason.MANUAL, ttl_s=1))
        ends = memory.snapshot().now + 1
        memory._clock = lambda: ends + 1
        store = HeldStore(memory, stage)
        service = AsyncMemoryService(
            read_settings({**FLAGS, "ZEPGUARD_CALLS_MAX": "1"}),
            store=lambda: store,
            zep=lambda: zep,  # type: ignore[arg-type,return-value]
        )
        reading = asyncio.ensure_future(service.read_context(user_id="u", thread_id="t"))
        await asyncio.wait_for(store.reached.wait(), 10)
        for _ in range(times):
            reading.cancel()
            await asyncio.sleep(0)
        assert not reading.done()
        store.let_go.set()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert memory.snapshot().record.lease == ""
        assert [type(event) for event in store.events] == [AcquireProbe, GiveUp if stage is AcquireProbe else Report]
        assert zep.asked == (0 if stage is AcquireProbe else 1)
        assert not others()
        assert (await service.read_context(user_id="u", thread_id="t")).text == "tea"
        await service.close()

    run(kind, main())


@both_loops
def test_an_anyio_scope_that_cancels_at_every_turn_gets_the_same(kind: str) -> None:
    """Web frameworks cancel by scopes, which cancel again each time a task waits."""

    async def main() -> None:
        memory, zep = MemoryStore(read_settings(FLAGS).policy), SlowZep()
        memory.apply(Force(reason=Reason.MANUAL, ttl_s=1))
        ends = memory.snapshot().now + 1
        memory._clock = lambda: ends + 1
        store = HeldStore(memory, GiveUp)
        service = AsyncMemoryService(
            read_settings(FLAGS),
            store=lambda: store,
            zep=lambda: zep,  # type: ignore[arg-type,return-value]
        )
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: service.read_context(user_id="u", thread_id="t"))
            await zep.asked.wait()
            group.cancel_scope.cancel()
            asyncio.get_running_loop().call_later(0.02, store.let_go.set)
        assert memory.snapshot().record.lease == ""
        assert [type(event) for event in store.events] == [AcquireProbe, GiveUp]
        assert not others()
        await service.close()

    run(kind, main())


@both_loops
def test_a_timeout_of_the_app_ends_the_read(environ: dict[str, str], fakezep: Any, kind: str) -> None:
    fakezep.call("PUT", "/latency", {"seconds": 1.0, "route": "context"})
    service = AsyncMemoryService.from_env(environ)

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await service.read_context(user_id="u", thread_id="t")
        assert not others()
        await service.close()

    run(kind, main())


def sockets() -> int:
    """Open ones of this process; the fake Zep's too, which is in it and closes its own a moment later."""
    found = 0
    for fd in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found += str(fd.readlink()).startswith("socket:")
    return found


@both_loops
def test_a_loop_that_has_ended_leaves_no_socket(
    environ: dict[str, str], fakezep: Any, valkey: redis.Redis, kind: str, wait_for: Any
) -> None:
    """Without a word to the service; and the next loop has clients of its own."""
    service = AsyncMemoryService.from_env(environ)
    gc.collect()
    before, clients = sockets(), len(valkey.client_list())
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", ResourceWarning)
        for number in range(3):
            run(kind, service.read_context(user_id="u", thread_id=f"t{number}"))
            assert service._loops == {}
            wait_for(lambda: sockets() <= before)
        gc.collect()
    assert [str(one.message) for one in warned if one.category is ResourceWarning] == []
    wait_for(lambda: len(valkey.client_list()) == clients)
    assert len(fakezep.journal("context")) == 3


def test_a_loop_that_was_closed_without_a_word_is_dropped_by_the_next(
    environ: dict[str, str], fakezep: Any, wait_for: Any
) -> None:
    service = AsyncMemoryService.from_env(environ)
    before = sockets()
    for number in range(3):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(service.read_context(user_id="u", thread_id=f"t{number}"))
        loop.close()
        assert len(service._loops) == 1
    del loop
    asyncio.run(service.close())
    asyncio.run(service.mode())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        asyncio.run(service.read_context(user_id="u", thread_id="t9"))
        gc.collect()
    wait_for(lambda: sockets() <= before)


def test_loops_of_several_threads_share_the_mode_and_not_the_connections(
    environ: dict[str, str], fakezep: Any, valkey: redis.Redis, wait_for: Any
) -> None:
    service = AsyncMemoryService.from_env(environ)
    together, results = threading.Barrier(4), []

    async def chat(name: str) -> None:
        for number in range(10):
            result = await service.read_context(user_id="u", thread_id=f"{name}-{number}")
            results.append(result.status)

    def work(name: str, kind: str) -> None:
        together.wait(10)
        run(kind, chat(name))

    threads = [threading.Thread(target=work, args=(f"w{n}", list(LOOPS)[n % 2])) for n in range(4)]
    clients = len(valkey.client_list())
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == [ContextStatus.EMPTY] * 40
    assert service._loops == {}
    wait_for(lambda: len(valkey.client_list()) == clients)


def test_close_closes_the_connections_of_other_threads_loops(
    environ: dict[str, str], fakezep: Any, background: BackgroundLoop, wait_for: Any
) -> None:
    service = AsyncMemoryService.from_env(environ)
    before = sockets()
    background(service.read_context(user_id="u", thread_id="t"))
    assert sockets() > before
    asyncio.run(service.close())
    wait_for(lambda: sockets() <= before)
    assert background(service.read_context(user_id="u", thread_id="t")).status == "empty"


@pytest_fork
def test_after_a_fork_a_child_makes_everything_anew(environ: dict[str, str], fakezep: Any) -> None:
    """Also from inside a loop; the parent's connections go on working."""
    service = AsyncMemoryService.from_env(environ)

    async def main() -> None:
        await service.read_context(user_id="u", thread_id="t")
        engine = service.engine

        def child() -> bool:
            asyncio.events._set_running_loop(None)
            result = asyncio.run(service.read_context(user_id="u", thread_id="t"))
            return result.status == "empty" and service.engine is not engine

        assert in_child(child)
        assert (await service.read_context(user_id="u", thread_id="t")).status == "empty"
        await service.close()

    asyncio.run(main())


@both_loops
def test_a_heartbeat_lists_the_process_until_it_closes(
    environ: dict[str, str], valkey: redis.Redis, wait_for: Any, kind: str
) -> None:
    service = AsyncMemoryService.from_env(environ, program="async")
    store = open_store(read_settings(environ))

    async def main() -> None:
        service.start_heartbeat()
        service.start_heartbeat()
        listed = await asyncio.to_thread(wait_for, store.workers)
        assert [(worker.program, worker.pid, worker.base) for worker in listed] == [
            ("async", os.getpid(), Mode.READ_WRITE)
        ]
        await service.close()

    run(kind, main())
    assert store.workers() == []
    assert "zepguard-heartbeat" not in [thread.name for thread in threading.enumerate()]


# -- commands to the store -------------------------------------------------------------------------------------------

INNER = ("hgetall", "hset", "hget", "pexpire", "pttl", "time", "info", "config|resetstat", "config", "client|list")


def commands(valkey: redis.Redis) -> dict[str, int]:
    """What clients sent, by the server's own statistics; a script's own commands are counted there too."""
    stats = valkey.info("commandstats")
    return {name[8:]: entry["calls"] for name, entry in stats.items() if name[8:] not in INNER}


@both_loops
def test_a_read_costs_one_look_up_and_one_report_and_an_answer_in_the_process_nothing(
    environ: dict[str, str], valkey: redis.Redis, kind: str
) -> None:
    async def main() -> None:
        zep, now = QuickZep(), [1000.0]
        service = AsyncMemoryService(read_settings(environ), zep=lambda: zep, monotonic=lambda: now[0])  # type: ignore[arg-type,return-value]
        await service.read_context(user_id="u", thread_id="t")
        valkey.config_resetstat()
        for _ in range(100):
            await service.mode()
            assert (await service.read_context(user_id="u", thread_id="t")).status is ContextStatus.CACHED
        assert commands(valkey) == {}
        for number in range(10):
            await service.read_context(user_id="u", thread_id=f"n{number}")
        assert commands(valkey) == {"evalsha": 10, "hmget": 10}
        await service.close()

    run(kind, main())


@both_loops
@pytest.mark.parametrize("why", ["forced", "base", "breaker"])
def test_without_a_call_there_is_no_command(environ: dict[str, str], valkey: redis.Redis, why: str, kind: str) -> None:
    if why == "base":
        environ["FLAG_ZEP_READ"] = "false"
    store = open_store(read_settings(environ))
    if why == "forced":
        store.apply(Force(reason=Reason.MANUAL, ttl_s=600))

    async def main() -> None:
        zep, now = QuickZep(), [1000.0]
        service = AsyncMemoryService(read_settings(environ), zep=lambda: zep, monotonic=lambda: now[0])  # type: ignore[arg-type,return-value]
        if why == "breaker":
            valkey.hset(f"{environ['ZEPGUARD_NAMESPACE']}:mode", mapping={"read.open_until": 1e12, "read.era": 1})
        await service.mode()
        valkey.config_resetstat()
        for number in range(50):
            result = await service.read_context(user_id="u", thread_id=f"t{number}")
            assert result.status is ContextStatus.SKIPPED
        assert commands(valkey) == {}
        assert zep.asked == 0
        await service.close()

    run(kind, main())
