"""Django set up once, a database of its own for each run (SQLite's file, or PostgreSQL's by TEST_DATABASE_URL), real
Valkey on a unix socket, and an ASGI client that sees each message of an answer.

pytest-django is left out on purpose: its transaction a test hides just what is tested here (threads that commit),
and its one database a run is what the few lines below make. Tests share the database; their random ids keep them apart.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

JWT_SECRET = os.environ["CHATAPP_JWT_SECRET"]

import django  # noqa: E402

django.setup()

import redis  # noqa: E402
from django.conf import settings  # noqa: E402
from django.db import connection, connections  # noqa: E402

from chatapp.tokens import issue_jwt  # noqa: E402
from zepguard.parts import obtain_valkey  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def database() -> Iterator[None]:
    """The tables, in a database that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="chatapp-") as folder:
        name = f"test_{uuid.uuid4().hex}"
        if connection.vendor == "sqlite":
            name = str(Path(folder) / f"{name}.sqlite3")
        connection.settings_dict["TEST"]["NAME"] = name
        before = connection.settings_dict["NAME"]
        connection.creation.create_test_db(verbosity=0, serialize=False)
        yield
        connection.creation.destroy_test_db(before, verbosity=0)
        connections.close_all()


@pytest.fixture
def in_thread() -> Callable[..., Any]:
    """Call a function as a thread of a pool would be left: with its database connections closed."""

    def call(function: Callable[..., Any], *args: Any) -> Any:
        try:
            return function(*args)
        finally:
            connections.close_all()

    return call


class Broker:
    """A real Valkey on a unix socket."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = folder / "valkey.sock"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis+socket://{self._socket}"

    def start(self) -> None:
        binary = str(obtain_valkey().path)
        options = {"port": "0", "unixsocket": str(self._socket), "save": "", "dir": str(self._folder)}
        argv = [binary, *(word for name, value in options.items() for word in (f"--{name}", value))]
        self._process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
        with redis.Redis(unix_socket_path=str(self._socket)) as client:
            give_up_at = time.monotonic() + 20
            while True:
                try:
                    client.ping()
                    return
                except redis.ConnectionError:
                    assert time.monotonic() < give_up_at, "valkey did not start"
                    time.sleep(0.02)

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def _broker_in_use() -> Iterator[Broker]:
    from chatapp.celery import app
    from chatapp.turns import publishing
    from chatapp.turns.mailbox import post_office

    with tempfile.TemporaryDirectory(prefix="vk-") as folder:  # a socket's path may have 107 characters
        broker = Broker(Path(folder))
        before = settings.CELERY_BROKER_URL
        settings.CELERY_BROKER_URL = app.conf.broker_url = app.conf.broker_read_url = app.conf.broker_write_url = (
            broker.url
        )
        app.set_current()
        try:
            broker.start()
            yield broker
        finally:
            publishing.close()
            post_office.close()
            app.pool.force_close_all()
            app._pool = None
            app.amqp._producer_pool = None
            broker.stop()
            settings.CELERY_BROKER_URL = before


@pytest.fixture
def broker() -> Iterator[Broker]:
    """A broker of the test's own, which it may freeze or stop."""
    with _broker_in_use() as broker:
        yield broker


@dataclass
class Exchange:
    """What an ASGI application answered."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    chunks: list[bytes] = field(default_factory=list)

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[tuple[str, Any]]:
        """The server-sent events."""
        frames = [frame.split("\n") for frame in self.body.decode().split("\n\n") if frame]
        return [(kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for kind, data in frames]


async def _ask(
    app: Any,
    path: str,
    *,
    method: str = "POST",
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    leave: Callable[[], Awaitable[None]] | None = None,
) -> Exchange:
    """Send one request to an ASGI application; ``leave`` returns when the client goes away."""
    exchange = Exchange()
    sent = False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}
        await (leave() if leave else asyncio.Event().wait())
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            exchange.status = message["status"]
            exchange.headers = {k.decode().lower(): v.decode("latin1") for k, v in message["headers"]}
        elif message.get("body"):
            exchange.chunks.append(message["body"])

    fields = {"content-length": str(len(body))} | (headers or {})
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": [(k.lower().encode(), v.encode("latin1")) for k, v in fields.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    await app(scope, receive, send)
    return exchange


def _bearer(sub: str = "ada", *, ttl_s: float = 60, secret: str = JWT_SECRET) -> dict[str, str]:
    """The header that speaks for ``sub``."""
    return {"Authorization": f"Bearer {issue_jwt(secret, sub, ttl_s)}"}


def _saying(message: object, thread_id: object) -> bytes:
    """The body of a chat request."""
    return json.dumps({"message": message, "thread_id": thread_id}).encode()


@pytest.fixture
def thread_id() -> str:
    """A thread that nobody has."""
    return f"t-{uuid.uuid4().hex}"


# --import-mode=importlib gives test modules no way to import this one: what they call comes as fixtures.
@pytest.fixture
def ask() -> Callable[..., Awaitable[Exchange]]:
    """Send one request to an ASGI application."""
    return _ask


@pytest.fixture
def bearer() -> Callable[..., dict[str, str]]:
    """The header that speaks for a user."""
    return _bearer


@pytest.fixture
def saying() -> Callable[[object, object], bytes]:
    """The body of a chat request."""
    return _saying
