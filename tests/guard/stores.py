"""Real stores for tests: Valkey processes to kill, stop and make replicas of, and a relay that misbehaves."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from zepguard.parts import obtain_valkey
from zepguard.stack.ports import free_ports

__all__ = ["Relay", "Valkey", "relay", "start_valkey"]


class Valkey:
    """One server process on a port of the loopback, or on a unix socket alone (port 0)."""

    def __init__(self, folder: Path, *arguments: str, port: int | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_ports(1)[0] if port is None else port
        self.socket = f"{folder}/s"
        self.arguments = arguments
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0" if self.port else f"unix://{self.socket}"

    def client(self, **options: Any) -> redis.Redis:
        return redis.Redis(unix_socket_path=self.socket, decode_responses=True, **options)

    def start(self, *more: str, wait: bool = True) -> Valkey:
        """Start it with what its folder holds; returns once it answers, if only that it is loading."""
        binary = str(obtain_valkey().path)
        given = (
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--unixsocket",
            self.socket,
            "--dir",
            str(self.folder),
        )
        self.process = subprocess.Popen(
            [binary, *given, "--loglevel", "warning", *self.arguments, *more],
            stdout=(self.folder / "log").open("ab"),
            stderr=subprocess.STDOUT,
        )
        ends = time.monotonic() + 20
        while wait:
            try:
                self.client(retry=Retry(NoBackoff(), 0)).ping()
                break
            except (redis.AuthenticationError, redis.exceptions.BusyLoadingError, redis.ResponseError):
                break  # that is an answer too
            except redis.ConnectionError:
                pass
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < ends, (self.folder / "log").read_text()
            threading.Event().wait(0.01)
        return self

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """SIGSTOP: connections stay open and nobody answers."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGCONT)


@pytest.fixture
def start_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Valkey]]:
    """Start servers; none outlives the test."""
    started: list[Valkey] = []
    folder = tmp_path_factory.mktemp("v")

    def start(*arguments: str, port: int | None = 0, run: bool = True) -> Valkey:
        kept = ("--save", "", "--appendonly", "no") if "--save" not in arguments else ()
        server = Valkey(folder / str(len(started)), *kept, *arguments, port=port)
        started.append(server)
        return server.start() if run else server

    yield start
    for server in started:
        if server.process is not None and server.process.poll() is None:
            server.kill()


class Relay:
    """Between a client and a server: passes all on, late, in drips or not at all, and speaks TLS to the client.

    Attributes:
        delay_s: how long each piece of an answer is kept back.
        drip_s: if above 0, an answer goes a byte at a time, with such a pause after each.
        silent: whether answers are kept for ever.
        connections: how many there were.
    """

    def __init__(self, upstream: Valkey, tls: ssl.SSLContext | None = None) -> None:
        self._upstream = upstream
        self._tls = tls
        self.delay_s = 0.0
        self.drip_s = 0.0
        self.silent = False
        self.shakes_hands = True
        self.connections = 0
        self._over = threading.Event()
        self._open: list[socket.socket] = []
        self._clients: list[socket.socket] = []
        self._resets = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = int(self._listener.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(client)
            self._clients.append(client)
            self._spawn(self._serve, client)

    def reset(self) -> None:
        """Cut the connections that stand, as a firewall does that has forgotten them: with RST."""
        self._resets = True
        for client in self._clients:
            client.shutdown(socket.SHUT_RD)  # wakes the thread that reads, and tells the client nothing
        while any(client.fileno() >= 0 for client in self._clients):
            self._over.wait(0.005)
        self._clients.clear()
        self._resets = False

    def _spawn(self, action: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=action, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if not self.shakes_hands:
                self._over.wait()
                return
            if self._tls is not None:
                client = self._tls.wrap_socket(client, server_side=True)
                self._open.append(client)
            server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._open.append(server)
            server.connect(self._upstream.socket)
            self._spawn(self._answer, server, client)
            while part := client.recv(65536):
                server.sendall(part)
            if self._resets:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()
            server.shutdown(socket.SHUT_RDWR)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while part := server.recv(65536):
                if self.silent:
                    self._over.wait()
                    return
                self._over.wait(self.delay_s)
                for piece in self._pieces(part):
                    client.sendall(piece)
                    self._over.wait(self.drip_s)
            client.shutdown(socket.SHUT_RDWR)

    def _pieces(self, part: bytes) -> Sequence[bytes]:
        return [part] if not self.drip_s else [part[i : i + 1] for i in range(len(part))]

    def close(self) -> None:
        self._over.set()
        for sock in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(10)


@pytest.fixture
def relay() -> Iterator[Callable[..., Relay]]:
    relays: list[Relay] = []

    def start(upstream: Valkey, **options: Any) -> Relay:
        relays.append(Relay(upstream, **options))
        return relays[-1]

    yield start
    for one in relays:
        one.close()
