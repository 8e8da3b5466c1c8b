"""Names: at most two threads whatever the resolver does, and no call later than its deadline."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import trustme

from guard.core.table import Outcome
from guard.zep.resolve import AGAIN_S, FAILED_S, FRESH_S, LookUpFailed, Resolver, process_resolver

GOOD = b'HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{"context": "tea"}'
# Said to be closed: a client that is not told may send its next request into the connection before it sees the end.
GOOD_AND_CLOSED = GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Names:
    """A resolver's other side: answers, fails or hangs as the test says, and counts."""

    def __init__(self) -> None:
        self.answer: tuple[str, ...] | Exception = ("192.0.2.1",)
        self.asked: list[str] = []
        self.go = threading.Event()
        self.go.set()
        self.threads: set[int] = set()

    def __call__(self, host: str) -> tuple[str, ...]:
        self.asked.append(host)
        self.threads.add(threading.get_ident())
        self.go.wait(30)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def names() -> Iterator[Names]:
    names = Names()
    yield names
    names.go.set()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ask(kind: str, names: Names, clock: Clock) -> Iterator[Callable[..., tuple[str, ...]]]:
    """Ask one resolver, from a thread or from a coroutine."""
    resolver = Resolver(names, monotonic=clock)
    runner = asyncio.Runner()

    def ask(host: str = "zep.test", timeout: float | None = 10) -> tuple[str, ...]:
        if kind == "sync":
            return resolver.addresses(host, timeout)
        return runner.run(resolver.addresses_async(host, timeout))

    ask.resolver = resolver  # type: ignore[attr-defined]
    yield ask
    runner.close()


def resolver_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "zepguard-resolver"]


def test_an_answer_is_remembered(ask: Any, names: Names, clock: Clock) -> None:
    assert ask() == ask() == ("192.0.2.1",)
    clock.now = FRESH_S - 0.1
    assert ask() == ("192.0.2.1",)
    assert names.asked == ["zep.test"]


def test_an_old_answer_is_given_at_once_while_the_next_is_looked_up(
    ask: Any, names: Names, clock: Clock, wait_for: Any
) -> None:
    ask()
    clock.now = FRESH_S
    names.answer = ("192.0.2.2",)
    names.go.clear()
    assert [ask() for _ in range(5)] == [("192.0.2.1",)] * 5
    names.go.set()
    wait_for(lambda: ask() == ("192.0.2.2",))
    assert len(names.asked) == 2


def test_an_old_answer_is_given_as_long_as_look_ups_fail(ask: Any, names: Names, clock: Clock, wait_for: Any) -> None:
    ask()
    names.answer = OSError("away")
    for asked in (2, 3):
        clock.now += FRESH_S
        assert ask() == ("192.0.2.1",)
        wait_for(lambda asked=asked: len(names.asked) == asked and not resolver_threads())
        assert ask() == ("192.0.2.1",)
    assert len(names.asked) == 3


@pytest.mark.parametrize("error", [OSError("no such name"), UnicodeError("label too long"), RuntimeError("broken")])
def test_a_failure_is_remembered_for_a_moment(ask: Any, names: Names, clock: Clock, error: Exception) -> None:
    names.answer = error
    for _ in range(3):
        with pytest.raises(LookUpFailed, match=r"zep\.test.*(no such|too long|broken)"):
            ask()
    assert len(names.asked) == 1
    clock.now = FAILED_S
    names.answer = ("192.0.2.3",)
    assert ask() == ("192.0.2.3",)


def test_a_name_without_an_address_is_a_failure(ask: Any, names: Names) -> None:
    names.answer = ()
    with pytest.raises(LookUpFailed, match="no address"):
        ask()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "fe80::1%eth0"])
def test_an_address_is_not_looked_up(ask: Any, names: Names, address: str) -> None:
    assert ask(address) == (address,)
    assert names.asked == []


def test_a_resolver_that_hangs_costs_a_call_its_timeout_and_two_threads_at_most(
    ask: Any, names: Names, clock: Clock
) -> None:
    names.go.clear()
    for host in ("a.test", "b.test", "c.test", "d.test", "a.test"):
        clock.now += AGAIN_S
        with pytest.raises(TimeoutError):
            ask(host, 0.02)
    assert len(names.threads) == len(names.asked) == 2


def test_the_second_thread_tries_when_the_first_is_stuck(ask: Any, names: Names, clock: Clock) -> None:
    stuck = threading.Event()

    def first_hangs(host: str) -> tuple[str, ...]:
        names.asked.append(host)
        if len(names.asked) == 1:
            stuck.wait(30)
        return ("192.0.2.1",)

    ask.resolver._look_up = first_hangs
    for _ in range(3):
        with pytest.raises(TimeoutError):
            ask(timeout=0.02)
    assert len(names.asked) == 1
    clock.now = AGAIN_S
    assert ask() == ("192.0.2.1",)
    stuck.set()


def test_many_who_wait_share_one_look_up(names: Names) -> None:
    resolver = Resolver(names)
    names.go.clear()
    with ThreadPoolExecutor(16) as pool:
        waiting = [pool.submit(resolver.addresses, "zep.test", 10) for _ in range(16)]
        names.go.set()
        assert {one.result() for one in waiting} == {("192.0.2.1",)}
    assert len(names.asked) == 1


def test_who_no_longer_waits_leaves_nothing_behind(names: Names) -> None:
    resolver = Resolver(names)
    names.go.clear()

    async def many() -> None:
        tasks = [asyncio.create_task(resolver.addresses_async("zep.test", 0.05)) for _ in range(50)]
        await asyncio.sleep(0)
        for task in tasks[:25]:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(one) for one in ended} == {asyncio.CancelledError, TimeoutError}

    asyncio.run(many())
    with pytest.raises(TimeoutError):
        resolver.addresses("zep.test", 0.01)
    assert resolver._names["zep.test"].waiting == set()


def test_a_thread_that_cannot_be_had_is_a_failed_look_up(
    ask: Any, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(LookUpFailed, match="new thread"):
            ask()
    assert ask() == ("192.0.2.1",)


def test_the_threads_end_when_there_is_nothing_to_look_up(ask: Any, wait_for: Any) -> None:
    ask()
    wait_for(lambda: not resolver_threads())


def test_a_forked_child_looks_up_with_threads_of_its_own() -> None:
    """In the parent a look-up hangs, with the lock that it may hold."""
    before = process_resolver()
    with before._lock:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            told = b"no"
            if process_resolver() is not before and process_resolver().addresses("localhost", 10):
                told = b"yes"
            os.write(writing, told)
            os._exit(0)
    os.close(writing)
    os.waitpid(pid, 0)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read() == b"yes"


# -- through the client ----------------------------------------------------------------------------------------------


def test_a_call_waits_for_a_name_no_longer_than_its_deadline(
    connect: Callable[..., Any], names: Names, timed: Callable[..., Any]
) -> None:
    names.go.clear()
    way = connect("http://zep.test:80", timeout_s=0.1, resolver=Resolver(names))
    for _ in range(5):
        failure, seconds = timed(lambda: way.read_context("t"))
        assert (failure.outcome, failure.ambiguous) == (Outcome.TIMEOUT, False)
        assert seconds < 5
    assert len(names.threads) == 1


def test_a_name_that_nobody_knows_is_a_failed_connection(
    connect: Callable[..., Any], names: Names, failure_of: Callable[..., Any]
) -> None:
    names.answer = OSError("no such name")
    failure = failure_of(lambda: connect("http://zep.test", resolver=Resolver(names)).read_context("t"))
    assert (failure.outcome, failure.ambiguous) == (Outcome.CONNECTION, False)
    assert "zep.test cannot be resolved: no such name" in str(failure)


def test_a_slow_resolver_leaves_the_rest_of_the_deadline(
    connect: Callable[..., Any], names: Names, answering: Callable[..., Any]
) -> None:
    names.answer = ("127.0.0.1",)
    names.go.clear()
    way = connect(f"http://zep.test:{answering(GOOD).port}", timeout_s=10, resolver=Resolver(names))
    threading.Timer(0.1, names.go.set).start()
    assert way.read_context("t").text == "tea"


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port at 127.0.0.2 that neither accepts nor refuses: its backlog is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.2", 0))
        listener.listen(0)
        filling = [socket.socket() for _ in range(4)]
        for one in filling:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for one in filling:
            one.close()


def test_the_second_address_is_tried_when_the_first_refuses(
    connect: Callable[..., Any], answering: Callable[..., Any], resolver: Callable[..., Resolver]
) -> None:
    server = answering(GOOD_AND_CLOSED, closes=True)
    names = resolver("127.0.0.9", "127.0.0.1")
    way = connect(f"http://zep.test:{server.port}", resolver=names)
    assert [way.read_context("t").text for _ in range(3)] == ["tea"] * 3
    assert names.addresses("zep.test", 1)[0] == "127.0.0.1"  # it answered, so it is tried first


def test_a_black_hole_leaves_some_of_the_deadline_to_the_second_address(
    connect: Callable[..., Any],
    black_hole: int,
    serve: Callable[..., Any],
    read_request: Callable[..., bytes],
    resolver: Callable[..., Resolver],
) -> None:
    def handle(connection: socket.socket, server: Any) -> None:
        while read_request(connection):
            connection.sendall(GOOD)

    serve(handle, port=black_hole)
    way = connect(f"http://zep.test:{black_hole}", timeout_s=4, resolver=resolver("127.0.0.2", "127.0.0.1"))
    assert way.read_context("t").text == "tea"


def test_black_holes_alone_are_a_timeout(
    connect: Callable[..., Any],
    black_hole: int,
    resolver: Callable[..., Resolver],
    timed: Callable[..., Any],
    message: Any,
) -> None:
    way = connect(f"http://zep.test:{black_hole}", timeout_s=0.3, resolver=resolver("127.0.0.2", "127.0.0.2"))
    failure, seconds = timed(lambda: way.add_messages("t", [message]))
    assert (failure.outcome, failure.ambiguous) == (Outcome.TIMEOUT, False)
    assert 0.2 < seconds < 5


def test_addresses_that_all_refuse_are_a_failed_connection(
    connect: Callable[..., Any], resolver: Callable[..., Resolver], failure_of: Callable[..., Any]
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        way = connect(f"http://zep.test:{unused.getsockname()[1]}", resolver=resolver("127.0.0.1", "127.0.0.1"))
        failure = failure_of(lambda: way.read_context("t"))
    assert (failure.outcome, failure.ambiguous) == (Outcome.CONNECTION, False)


@pytest.mark.parametrize("certified", ["zep.test", "other.test"])
def test_the_servers_name_is_asked_for_and_checked_not_its_address(
    certified: str,
    connect: Callable[..., Any],
    serve: Callable[..., Any],
    read_request: Callable[..., bytes],
    resolver: Callable[..., Resolver],
    authority: trustme.CA,
    failure_of: Callable[..., Any],
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(certified).configure_cert(context)
    asked, heads = [], []
    context.sni_callback = lambda connection, name, _: asked.append(name)

    def handle(connection: socket.socket, server: Any) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            while head := read_request(wrapped):
                heads.append(head)
                wrapped.sendall(GOOD)

    server = serve(handle)
    way = connect(f"https://zep.test:{server.port}", resolver=resolver("127.0.0.1"))
    if certified == "zep.test":
        assert way.read_context("t").text == way.read_context("t").text == "tea"
        assert f"\r\nhost: zep.test:{server.port}\r\n" in heads[0].decode().lower() + "\r\n"
        assert server.connections == 1
    else:
        failure = failure_of(lambda: way.read_context("t"))
        assert (failure.outcome, failure.ambiguous) == (Outcome.CONNECTION, False)
    assert set(asked) == {"zep.test"}
