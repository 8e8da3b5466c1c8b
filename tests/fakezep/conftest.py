"""A real fake server in a thread, the real SDK against it, and an admin client."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from zep_cloud.client import Zep
from zep_cloud.types import Message

from fakezep.testing import RunningFakeZep, running_fakezep

USER, THREAD = "ann", "ann-1"


class Admin:
    """The admin API as a test speaks it: JSON in, JSON out, any refusal fails the test."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def call(self, method: str, path: str, body: Any = None) -> Any:
        response = self.client.request(method, path, json=body)
        assert response.status_code in (200, 201), response.text
        return response.json()

    def fault(self, kind: str, **fields: Any) -> Any:
        return self.call("POST", "/faults", {"kind": kind, **fields})

    def entries(self) -> list[Any]:
        return list(self.call("GET", "/journal")["entries"])

    def contents(self, thread_id: str = THREAD) -> list[str]:
        return [message["content"] for message in self.call("GET", f"/store/{thread_id}")["messages"]]


@pytest.fixture(autouse=True)
def _no_zep_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZEP_API_URL", raising=False)


@pytest.fixture(scope="session")
def shared_server() -> Iterator[RunningFakeZep]:
    with running_fakezep() as server:
        yield server


@pytest.fixture
def connect_admin() -> Iterator[Callable[[RunningFakeZep], Admin]]:
    clients = []

    def connect(server: RunningFakeZep) -> Admin:
        headers = {"X-Admin-Key": server.admin_key}
        clients.append(httpx.Client(base_url=server.admin_url, headers=headers, timeout=30, trust_env=False))
        return Admin(clients[-1])

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def connect_sdk() -> Iterator[Callable[..., Zep]]:
    clients = []

    def connect(server: RunningFakeZep, *, timeout_s: float = 30, api_key: str | None = None) -> Zep:
        clients.append(httpx.Client(timeout=timeout_s, trust_env=False))
        return Zep(api_key=api_key or server.api_key, base_url=server.api_url, httpx_client=clients[-1])

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def admin(shared_server: RunningFakeZep, connect_admin: Callable[[RunningFakeZep], Admin]) -> Admin:
    return connect_admin(shared_server)


@pytest.fixture
def server(shared_server: RunningFakeZep, admin: Admin) -> RunningFakeZep:
    """The shared server, empty and healthy."""
    admin.call("POST", "/reset")
    return shared_server


@pytest.fixture
def sdk(server: RunningFakeZep, connect_sdk: Callable[..., Zep]) -> Zep:
    return connect_sdk(server)


@pytest.fixture
def impatient(server: RunningFakeZep, connect_sdk: Callable[..., Zep]) -> Zep:
    """An SDK client that gives up on an answer after a moment."""
    return connect_sdk(server, timeout_s=0.1)


@pytest.fixture
def thread(sdk: Zep) -> str:
    """A thread of a user, with one message."""
    sdk.user.add(user_id=USER)
    sdk.thread.create(thread_id=THREAD, user_id=USER)
    sdk.thread.add_messages(THREAD, messages=[Message(role="user", content="I like tea")])
    return THREAD
