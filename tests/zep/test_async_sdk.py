"""Coroutines: the same calls against the fake Zep, and cancellation that leaves nothing behind."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvloop

from fakezep.testing import RunningFakeZep, running_fakezep
from guard.core.table import Outcome
from guard.errors import UnsafeId
from guard.zep.async_sdk import AsyncSdkZep
from guard.zep.async_sockets import AsyncDeadlineTransport
from guard.zep.calls import AsyncZepCalls, ZepCalls
from guard.zep.resolve import Resolver
from guard.zep.sdk import SdkZep

LOOPS = {"asyncio": None, "uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="module")
def fakezep() -> Iterator[RunningFakeZep]:
    with running_fakezep() as fake:
        yield fake


@pytest.fixture(params=LOOPS)
def runner(request: pytest.FixtureRequest) -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
        yield runner


def test_both_clients_speak_their_protocol(fakezep: RunningFakeZep, runner: asyncio.Runner) -> None:
    sync: ZepCalls = SdkZep(base_url=fakezep.url, api_key="k", timeout_s=1)
    sync.close()  # type: ignore[attr-defined]

    async def coroutines() -> None:
        zep: AsyncZepCalls = AsyncSdkZep(base_url=fakezep.url, api_key="k", timeout_s=1)
        await zep.aclose()  # type: ignore[attr-defined]

    runner.run(coroutines())


def test_a_round_trip(connect: Callable[..., Any], fakezep: RunningFakeZep, kind: str, message: Any) -> None:
    way, user, thread = connect(fakezep.url, api_key=fakezep.api_key), f"u-{kind}", f"t-{kind}"
    assert way.read_context(thread).found is False
    assert way.newest_messages(thread, 5) == []
    assert way.ensure_thread(thread, user) is False
    for _ in range(2):
        way.ensure_user(user)
        assert way.ensure_thread(thread, user) is True
    way.add_messages(thread, [message])
    assert "tea" in way.read_context(thread).text
    assert [(m.role, m.outbox_id) for m in way.newest_messages(thread, 5)] == [("user", "o-1")]
    for _ in range(2):
        way.delete_user(user)
    assert way.read_context(thread).found is False
    assert way.ensure_thread(thread, user) is False


@pytest.mark.parametrize("bad", ["a/b", "..", "a?b", "a#b", ""])
def test_ids_that_would_ask_for_another_path_never_leave(connect: Callable[..., Any], bad: str, message: Any) -> None:
    way = connect("http://127.0.0.1:9")
    for call in (
        lambda: way.read_context(bad),
        lambda: way.add_messages(bad, [message]),
        lambda: way.newest_messages(bad, 5),
        lambda: way.ensure_user(bad),
        lambda: way.ensure_thread(bad, "u"),
        lambda: way.ensure_thread("t", bad),
        lambda: way.delete_user(bad),
    ):
        with pytest.raises(UnsafeId):
            call()


def test_a_wrong_key_is_auth(connect: Callable[..., Any], fakezep: RunningFakeZep, failure_of: Any) -> None:
    failure = failure_of(lambda: connect(fakezep.url, api_key="wrong").read_context("t"))
    assert (failure.outcome, failure.ambiguous) == (Outcome.AUTH, False)


def test_many_tasks_share_a_client(fakezep: RunningFakeZep, runner: asyncio.Runner) -> None:
    async def many() -> set[bool]:
        zep = AsyncSdkZep(base_url=fakezep.url, api_key=fakezep.api_key, timeout_s=30)
        answers = await asyncio.gather(*(zep.read_context("nobody") for _ in range(200)))
        await zep.aclose()
        return {answer.found for answer in answers}

    assert runner.run(many()) == {False}


@pytest.fixture
def slow_steps(serve: Callable[..., Any], read_request: Callable[..., bytes], tls: ssl.SSLContext) -> Any:
    """A TLS server that takes a little longer for each part of the call."""

    def handle(connection: socket.socket, server: Any) -> None:
        server.wait(0.01)
        with tls.wrap_socket(connection, server_side=True) as wrapped:
            while read_request(wrapped):
                for part in (b"HTTP/1.1 200 OK\r\n", b"Content-Length: 18\r\n\r\n", b'{"context":', b' "tea"}'):
                    server.wait(0.01)
                    wrapped.sendall(part)

    return serve(handle)


def test_a_call_cancelled_at_any_moment_leaves_no_socket_and_no_task(
    slow_steps: Any, runner: asyncio.Runner, open_sockets: Callable[[], int]
) -> None:
    async def many() -> None:
        transport = AsyncDeadlineTransport(connections_max=8, resolver=Resolver(lambda host: ("127.0.0.1",)))
        zep = AsyncSdkZep(
            base_url=f"https://zep.test:{slow_steps.port}", api_key="k", timeout_s=30, transport=transport
        )
        drawn = random.Random(7)
        ends = {"cancelled": 0, "answered": 0}

        async def cancelled_after(seconds: float) -> None:
            task = asyncio.create_task(zep.read_context("t"))
            await asyncio.wait([task], timeout=seconds)
            task.cancel()
            try:
                assert (await task).text == "tea"
                ends["answered"] += 1
            except asyncio.CancelledError:
                ends["cancelled"] += 1

        await zep.read_context("t")
        before = open_sockets()
        for _ in range(12):
            await asyncio.gather(*(cancelled_after(drawn.uniform(0, 0.12)) for _ in range(10)))
        assert ends["cancelled"] > 20, ends
        assert (await zep.read_context("t")).text == "tea"
        assert len(transport._pool._idle) <= 8
        assert transport._pool._slots._value == 8
        await zep.aclose()
        ends_at = asyncio.get_running_loop().time() + 10
        while open_sockets() > before - 2:  # the first call's connection, and the server's end of it
            assert asyncio.get_running_loop().time() < ends_at, (open_sockets(), before)
            await asyncio.sleep(0.01)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    runner.run(many())


@pytest.mark.parametrize("hangs", ["resolver", "server"])
def test_a_cancelled_call_says_so_and_no_more(
    hangs: str, runner: asyncio.Runner, serve: Callable[..., Any], resolver: Callable[..., Any]
) -> None:
    """Cancellation is no failure of Zep's: nothing is counted against it."""
    server = serve(lambda connection, server: server.wait(60))
    names = Resolver(lambda host: ("127.0.0.1",)) if hangs == "server" else Resolver(lambda host: server.wait(60) or ())

    async def cancelled() -> None:
        zep = AsyncSdkZep(
            base_url=f"http://zep.test:{server.port}",
            api_key="k",
            timeout_s=30,
            transport=AsyncDeadlineTransport(resolver=names),
        )
        task = asyncio.create_task(zep.read_context("t"))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await zep.read_context("t")
        await zep.aclose()

    runner.run(cancelled())
