"""One deadline for all of a call: whatever a server does slowly, and in whichever part of the call."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from guard.core.settings import VARIABLES
from guard.core.table import Outcome
from guard.zep.calls import OutgoingMessage
from guard.zep.resolve import Resolver

GOOD = b'HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{"context": "tea"}'
HANGS_S = 10.0
"""What these servers would take is minutes, or for ever: an answer before this was cut at the deadline."""


def http(body: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers]) + b"\r\n\r\n" + body


def chunked(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"


LONG = json.dumps({"context": "x" * 2000}).encode()
DRIPPED = {
    "head": (0, GOOD.replace(b"\r\n\r\n", b"\r\nX-Long: " + b"x" * 5000 + b"\r\n\r\n")),
    "body": (20, http(LONG)),
    "chunks": (60, chunked(LONG)),
    "gzip": (20, http(gzip.compress(LONG + bytes(range(256)) * 20), b"Content-Encoding: gzip")),
    "a body without end": (0, b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + LONG * 10),
    "early hints": (0, b"HTTP/1.1 103 Early Hints\r\n\r\n" * 500),
}


@pytest.mark.parametrize("part", DRIPPED)
def test_a_drip_is_cut_whichever_part_it_is_of(
    part: str,
    connect: Callable[..., Any],
    serve: Callable[..., Any],
    read_request: Callable[..., bytes],
    drip: Callable[..., None],
    timed: Callable[..., Any],
) -> None:
    """Each byte comes well within httpx's own timeout."""
    at_once, data = DRIPPED[part]

    def handle(connection: socket.socket, server: Any) -> None:
        read_request(connection)
        connection.sendall(data[:at_once])
        drip(connection, server, data[at_once:], every_s=0.05)

    failure, seconds = timed(lambda: connect(serve(handle).url, timeout_s=1.0).read_context("t"))
    assert (failure.outcome, failure.ambiguous) == (Outcome.TIMEOUT, True)
    assert 0.9 < seconds < HANGS_S


def test_what_one_wait_used_up_is_gone_for_the_next(
    connect: Callable[..., Any],
    serve: Callable[..., Any],
    read_request: Callable[..., bytes],
    failure_of: Callable[..., Any],
) -> None:
    """Each half comes within a whole timeout of the one before."""

    def handle(connection: socket.socket, server: Any) -> None:
        read_request(connection)
        for part in (GOOD[:40], GOOD[40:]):
            server.wait(0.7)
            connection.sendall(part)
        server.wait(60)

    failure = failure_of(lambda: connect(serve(handle).url, timeout_s=1).read_context("t"))
    assert failure.outcome is Outcome.TIMEOUT


def test_a_byte_a_second_is_cut_at_one_and_a_half(
    connect: Callable[..., Any],
    serve: Callable[..., Any],
    read_request: Callable[..., bytes],
    drip: Callable[..., None],
    timed: Callable[..., Any],
) -> None:
    """The checklist's timeout of 1.5 s and a tenth, in the best of three; without threads of its own."""

    def handle(connection: socket.socket, server: Any) -> None:
        while read_request(connection):
            drip(connection, server, GOOD, every_s=1)

    way = connect(serve(handle).url, timeout_s=1.5)
    took = []
    while len(took) < 3 and (not took or min(took) > 1.65):
        failure, seconds = timed(lambda: way.read_context("t"))
        assert failure.outcome is Outcome.TIMEOUT
        took.append(seconds)
    assert 1.4 < min(took) <= 1.65
    assert not [thread for thread in threading.enumerate() if "zepguard" in thread.name or "asyncio" in thread.name]


@pytest.mark.parametrize("flood", [b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100, b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_flood_ends_too(
    flood: bytes,
    connect: Callable[..., Any],
    serve: Callable[..., Any],
    read_request: Callable[..., bytes],
    timed: Callable[..., Any],
) -> None:
    """Informational answers for ever, or a body for ever: no wait is ever long."""

    def handle(connection: socket.socket, server: Any) -> None:
        read_request(connection)
        while not server.over.is_set():
            connection.sendall(flood)
            flood_on = b" " * 1000 if flood.startswith(b"HTTP/1.1 200") else b""
            connection.sendall(flood_on)

    failure, seconds = timed(lambda: connect(serve(handle).url, timeout_s=0.5).read_context("t"))
    assert failure.outcome in (Outcome.TIMEOUT, Outcome.WRONG_SHAPE)
    assert seconds < HANGS_S


@pytest.mark.parametrize("reads_every_s", [0.1, 600])
def test_a_reader_too_slow_for_a_large_body_is_cut(
    reads_every_s: float, connect: Callable[..., Any], serve: Callable[..., Any], timed: Callable[..., Any]
) -> None:
    """Each piece of the body goes out soon enough for httpcore, which gives each the whole timeout again."""

    def handle(connection: socket.socket, server: Any) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        while not server.wait(reads_every_s):
            connection.recv(65536)

    large = OutgoingMessage(outbox_id="o", role="user", content="x" * 8_000_000, created_at="2026-01-02T03:04:05Z")
    way = connect(serve(handle).url, timeout_s=1.5)
    failure, seconds = timed(lambda: way.add_messages("t", [large]))
    assert (failure.outcome, failure.ambiguous) == (Outcome.TIMEOUT, True)
    assert seconds < HANGS_S


@pytest.mark.parametrize("part", ["handshake", "record", "nothing"])
def test_tls_is_within_the_deadline_too(
    part: str,
    connect: Callable[..., Any],
    serve_tls_drip: Callable[..., Any],
    resolver: Callable[..., Resolver],
    timed: Callable[..., Any],
) -> None:
    url = f"https://zep.test:{serve_tls_drip(part, GOOD).port}"
    way = connect(url, timeout_s=0.5, resolver=resolver("127.0.0.1"))
    failure, seconds = timed(lambda: way.read_context("t"))
    assert failure.outcome is Outcome.TIMEOUT
    assert failure.ambiguous is (part == "record")
    assert seconds < HANGS_S


def test_a_call_waits_for_a_connection_no_longer_than_its_deadline(
    connect: Callable[..., Any], serve: Callable[..., Any], kind: str, timed: Callable[..., Any]
) -> None:
    """All connections are held by calls that have longer to go."""
    arrived = threading.Semaphore(0)

    def handle(connection: socket.socket, server: Any) -> None:
        connection.recv(65536)
        arrived.release()
        server.wait(60)

    server = serve(handle)
    way = connect(server.url, timeout_s=0.5, connections_max=2)
    outcomes = []

    def call() -> None:
        outcomes.append(timed(lambda: way.read_context("t")))

    if kind == "sync":
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda _: call(), range(6)))
    else:
        from guard.zep.calls import ZepFailure

        async def all_at_once() -> list[Any]:
            import asyncio

            return await asyncio.gather(*(way.zep.read_context("t") for _ in range(6)), return_exceptions=True)

        outcomes = [(one, 0.5) for one in way.run(all_at_once())]
        assert all(isinstance(one, ZepFailure) for one, _ in outcomes)
    assert [failure.outcome for failure, _ in outcomes] == [Outcome.TIMEOUT] * 6
    assert max(seconds for _, seconds in outcomes) < HANGS_S


def all_at_once(way: Any, count: int) -> list[Any]:
    """The answers to so many reads at once."""
    if way.kind == "sync":
        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(way.read_context, ["t"] * count))

    async def gathered() -> list[Any]:
        import asyncio

        return await asyncio.gather(*(way.zep.read_context("t") for _ in range(count)))

    return way.run(gathered())


def test_as_many_calls_have_a_connection_as_the_bulkhead_lets_through(
    connect: Callable[..., Any], serve: Callable[..., Any], read_request: Callable[..., bytes]
) -> None:
    """``ZEPGUARD_CALLS_MAX`` may be above its default, and reads and writes have their places apart."""
    calls_max = int(next(v.default for v in VARIABLES if v.field == "calls_max"))
    arrived = threading.Barrier(2 * calls_max + 16)

    def handle(connection: socket.socket, server: Any) -> None:
        read_request(connection)
        arrived.wait(20)
        connection.sendall(GOOD)

    way = connect(serve(handle).url, timeout_s=30)
    assert {answer.text for answer in all_at_once(way, arrived.parties)} == {"tea"}


def test_connections_of_a_busier_time_are_closed(
    connect: Callable[..., Any], serve: Callable[..., Any], read_request: Callable[..., bytes], wait_for: Any
) -> None:
    """The server has ended them; calls that come one after the other use the newest, and never meet these."""
    arrived, newest, others = threading.Barrier(8), [], set()

    def handle(connection: socket.socket, server: Any) -> None:
        read_request(connection)
        arrived.wait(20)
        others.add(connection)
        connection.sendall(GOOD)
        while read_request(connection):
            newest.append(connection)
            connection.sendall(GOOD)

    server = serve(handle)
    way = connect(server.url, timeout_s=30)
    all_at_once(way, arrived.parties)
    assert way.read_context("t").text == "tea"
    idle = way.zep._http._transport._pool._idle
    assert len(idle) == 8
    for connection in others - set(newest):
        connection.shutdown(socket.SHUT_RDWR)
    wait_for(lambda: all(connection.fileno() < 0 for connection in others - set(newest)))
    assert way.read_context("t").text == "tea"
    assert len(idle) == 1
    assert server.connections == 8


def test_a_call_that_waited_for_a_connection_gets_it(
    connect: Callable[..., Any], answering: Callable[..., Any]
) -> None:
    server = answering(GOOD)
    way = connect(server.url, timeout_s=20, connections_max=2)
    assert {answer.text for answer in all_at_once(way, 50)} == {"tea"}
    assert server.connections <= 2


def test_a_redirect_is_not_followed(
    connect: Callable[..., Any], serve: Callable[..., Any], read_request: Callable[..., bytes], failure_of: Any
) -> None:
    """To itself for ever; with the key in its head it could also go anywhere."""
    heads = []

    def handle(connection: socket.socket, server: Any) -> None:
        while head := read_request(connection):
            heads.append(head)
            connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n")

    failure = failure_of(lambda: connect(serve(handle).url).read_context("t"))
    assert (failure.outcome, failure.status) == (Outcome.WRONG_SHAPE, 302)
    assert len(heads) == 1


def test_a_cut_call_closes_its_connection(
    connect: Callable[..., Any],
    serve: Callable[..., Any],
    failure_of: Callable[..., Any],
    open_sockets: Callable[[], int],
    wait_for: Callable[..., None],
) -> None:
    ended = threading.Semaphore(0)

    def handle(connection: socket.socket, server: Any) -> None:
        connection.recv(65536)
        with contextlib.suppress(OSError):
            assert connection.recv(65536) == b""
        ended.release()

    way = connect(serve(handle).url, timeout_s=0.1)
    failure_of(lambda: way.read_context("t"))
    assert ended.acquire(timeout=10)
    before = open_sockets()
    for _ in range(5):
        failure_of(lambda: way.read_context("t"))
        assert ended.acquire(timeout=10)
    wait_for(lambda: open_sockets() <= before)
