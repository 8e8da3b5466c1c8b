"""Both ways to Zep behind one face, and servers on real sockets that misbehave as a test says."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvloop

from guard.zep.async_sdk import AsyncSdkZep
from guard.zep.async_sockets import AsyncDeadlineTransport
from guard.zep.calls import OutgoingMessage, ZepFailure
from guard.zep.loading import ssl_context
from guard.zep.resolve import Resolver
from guard.zep.sdk import SdkZep
from guard.zep.sockets import DeadlineTransport

MESSAGE = OutgoingMessage(outbox_id="o-1", role="user", content="I like tea", created_at="2026-01-02T03:04:05Z")


class Server:
    """Accepts connections on a free port and lets ``handle`` misbehave on each, in a thread of its own."""

    def __init__(
        self, handle: Callable[[socket.socket, Server], None], *, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.over = threading.Event()
        self.connections = 0
        self._open: list[socket.socket] = []
        self._handle = handle
        self._listener = socket.create_server((host, port), backlog=256)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://{host}:{self.port}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                connection, _ = self._listener.accept()
                if self.over.is_set():
                    connection.close()
                    return
                self.connections += 1
                self._open.append(connection)
                thread = threading.Thread(target=self._serve, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            self._handle(connection, self)

    def wait(self, seconds: float) -> bool:
        """Whether the test is over before so many seconds are."""
        return self.over.wait(seconds)

    def close(self) -> None:
        self.over.set()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            pass
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)


def _read_request(connection: socket.socket) -> bytes:
    told = b""
    while b"\r\n\r\n" not in told:
        part = connection.recv(65536)
        if not part:
            return b""
        told += part
    head, _, body = told.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line[:15].lower() == b"content-length:"), 0
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head


@pytest.fixture
def read_request() -> Callable[[socket.socket], bytes]:
    """Read the next request of a connection and give its head; empty if the client has gone."""
    return _read_request


def _drip(connection: socket.socket, server: Server, data: bytes, *, every_s: float) -> None:
    for byte in data:
        if server.wait(every_s):
            return
        connection.sendall(bytes([byte]))


@pytest.fixture
def drip() -> Callable[..., None]:
    """Send data a byte at a time, until the test is over."""
    return _drip


def _request_over_tls(connection: socket.socket, tls: ssl.SSLObject, incoming: ssl.MemoryBIO, send: Any) -> bool:
    request = b""
    while b"\r\n\r\n" not in request:
        try:
            tls.do_handshake()
            request += tls.read(65536)
        except ssl.SSLWantReadError:
            send()
            told = connection.recv(65536)
            if not told:
                return False
            incoming.write(told)
    return True


@pytest.fixture
def serve_tls_drip(serve: Callable[..., Server], tls: ssl.SSLContext) -> Callable[..., Server]:
    """A TLS server that drips its ``handshake``, or the ``record`` of its answer, or hangs and says ``nothing``."""

    def start(part: str, answer: bytes) -> Server:
        def handle(connection: socket.socket, server: Server) -> None:
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()

            def send() -> None:
                if part == "handshake":
                    _drip(connection, server, outgoing.read(), every_s=0.05)
                elif part == "record":
                    connection.sendall(outgoing.read())

            wrapped = tls.wrap_bio(incoming, outgoing, server_side=True)
            if _request_over_tls(connection, wrapped, incoming, send):
                wrapped.write(answer)
                _drip(connection, server, outgoing.read(), every_s=0.05)

        return serve(handle)

    return start


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[trustme.CA]:
    """One whose certificates this process and its children trust."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    ssl_context.cache_clear()
    yield authority
    ssl_context.cache_clear()


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    """Of a server that is zep.test."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("zep.test").configure_cert(context)
    return context


@pytest.fixture
def message() -> OutgoingMessage:
    return MESSAGE


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(handle: Callable[[socket.socket, Server], None], **options: Any) -> Server:
        servers.append(Server(handle, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def answering(serve: Callable[..., Server]) -> Callable[..., Server]:
    """A server that sends the given bytes for each request; ``closes`` then, or takes the next request."""

    def start(*answers: bytes, closes: bool = False) -> Server:
        sent = 0

        def handle(connection: socket.socket, server: Server) -> None:
            nonlocal sent
            while _read_request(connection):
                answer = answers[min(sent, len(answers) - 1)]
                sent += 1
                connection.sendall(answer)
                if closes:
                    return

        return serve(handle)

    return start


class Way:
    """One client, and its calls as plain functions; those of coroutines run in a loop of its own."""

    def __init__(self, kind: str, url: str, *, timeout_s: float, api_key: str = "k", **transport: Any) -> None:
        self.kind = kind
        self._runner: asyncio.Runner | None = None
        options = {"base_url": url, "api_key": api_key, "timeout_s": timeout_s}
        if kind == "sync":
            self.zep: Any = SdkZep(**options, transport=DeadlineTransport(**transport))
            return
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop if kind == "uvloop" else None)
        self.zep = AsyncSdkZep(**options, transport=AsyncDeadlineTransport(**transport))

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.zep, name)
        if self._runner is None:
            return method
        return lambda *arguments: self.run(method(*arguments))

    def run(self, coroutine: Any) -> Any:
        assert self._runner is not None
        return self._runner.run(coroutine)

    def close(self) -> None:
        if self._runner is None:
            self.zep.close()
            return
        self.run(self.zep.aclose())
        self._runner.close()


@pytest.fixture(params=["sync", "asyncio", "uvloop"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def connect(kind: str) -> Iterator[Callable[..., Way]]:
    """Open a way to Zep: by threads, asyncio and uvloop in turn."""
    ways: list[Way] = []

    def make(url: str, *, timeout_s: float = 5.0, **options: Any) -> Way:
        ways.append(Way(kind, url, timeout_s=timeout_s, **options))
        return ways[-1]

    yield make
    for way in ways:
        way.close()


@pytest.fixture
def resolver() -> Callable[..., Resolver]:
    """Make a resolver that gives these addresses for every name."""
    return lambda *addresses: Resolver(lambda host: addresses)


def _failure_of(action: Callable[[], Any]) -> ZepFailure:
    with pytest.raises(ZepFailure) as failed:
        action()
    return failed.value


@pytest.fixture
def failure_of() -> Callable[[Callable[[], Any]], ZepFailure]:
    """How a call failed."""
    return _failure_of


@pytest.fixture
def timed() -> Callable[[Callable[[], Any]], tuple[ZepFailure, float]]:
    """How a call failed, and after how many seconds."""

    def measure(action: Callable[[], Any]) -> tuple[ZepFailure, float]:
        began = time.monotonic()
        failure = _failure_of(action)
        return failure, time.monotonic() - began

    return measure


@pytest.fixture
def open_sockets() -> Callable[[], int]:
    """Count this process's sockets."""

    def count() -> int:
        links = []
        for entry in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                links.append(str(entry.readlink()))
        return sum(link.startswith("socket:") for link in links)

    return count


@pytest.fixture
def wait_for() -> Callable[..., None]:
    """Wait until a condition holds."""

    def wait(condition: Callable[[], Any], *, seconds: float = 10.0) -> None:
        ends = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < ends, "not in time"
            threading.Event().wait(0.005)

    return wait
