"""Every toxic of Toxiproxy between the client and a Zep: bounded by the deadline, named right, over when it is over."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from chaos.errors import ToxiproxyError
from chaos.toxiproxy import Proxy, Toxic, ToxiproxyServer
from fakezep.testing import RunningFakeZep, running_fakezep
from guard.core.table import Outcome
from guard.zep.calls import OutgoingMessage
from zepguard.parts import obtain_toxiproxy

HANGS_S = 10.0
SLICER = {"average_size": 1, "size_variation": 0, "delay": 20_000}
TOXICS = {
    "slicer": ("downstream", SLICER, Outcome.TIMEOUT),
    "slicer up": ("upstream", SLICER, Outcome.TIMEOUT),
    "bandwidth": ("downstream", {"rate": 1}, Outcome.TIMEOUT),
    "latency": ("downstream", {"latency": 60_000}, Outcome.TIMEOUT),
    "latency up": ("upstream", {"latency": 60_000}, Outcome.TIMEOUT),
    "timeout": ("downstream", {"timeout": 0}, Outcome.TIMEOUT),
    "timeout that closes": ("downstream", {"timeout": 100}, Outcome.CONNECTION),
    "limit_data": ("downstream", {"bytes": 300}, Outcome.CONNECTION),
    "limit_data up": ("upstream", {"bytes": 10}, Outcome.CONNECTION),
    "reset_peer": ("downstream", {"timeout": 0}, Outcome.CONNECTION),
    "reset_peer late": ("downstream", {"timeout": 100}, Outcome.CONNECTION),
}

pytestmark = pytest.mark.stack


def _starts(process: subprocess.Popen[bytes], server: ToxiproxyServer) -> bool:
    while process.poll() is None:
        with contextlib.suppress(ToxiproxyError):
            return bool(server.version())
        time.sleep(0.02)
    return False


@pytest.fixture(scope="module")
def toxiproxy() -> Iterator[ToxiproxyServer]:
    binary = obtain_toxiproxy(os.environ).path
    for _ in range(5):  # another process may take the port between choosing and using it
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            port = str(holder.getsockname()[1])
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen([binary, "-host", "127.0.0.1", "-port", port], **quiet)
        server = ToxiproxyServer(f"http://127.0.0.1:{port}", timeout_s=10)
        if _starts(process, server):
            break
    yield server
    process.terminate()
    process.wait(30)


@pytest.fixture(scope="module")
def fakezep() -> Iterator[RunningFakeZep]:
    with running_fakezep() as fake:
        yield fake


@pytest.fixture
def proxy(toxiproxy: ToxiproxyServer, fakezep: RunningFakeZep) -> Iterator[Proxy]:
    made = toxiproxy.create_proxy(Proxy(name=f"zep {uuid.uuid4()}", upstream=urlsplit(fakezep.url).netloc))
    yield made
    toxiproxy.remove_proxy(made.name)


@pytest.fixture
def thread(connect: Callable[..., Any], fakezep: RunningFakeZep) -> str:
    """A thread of which Zep tells two kilobytes or more."""
    way = connect(fakezep.url, api_key=fakezep.api_key)
    thread = f"t-{uuid.uuid4()}"
    way.ensure_user("u")
    way.ensure_thread(thread, "u")
    way.add_messages(
        thread,
        [
            OutgoingMessage(
                outbox_id=f"o{n}", role="user", content=f"I like {n} " + "teas " * 60, created_at="2026-01-02T03:04:05Z"
            )
            for n in range(10)
        ],
    )
    assert len(way.read_context(thread).text) > 2000
    return thread


@pytest.fixture
def reach(connect: Callable[..., Any], proxy: Proxy, fakezep: RunningFakeZep) -> Callable[..., Any]:
    return lambda timeout_s: connect(f"http://{proxy.listen}", timeout_s=timeout_s, api_key=fakezep.api_key)


@pytest.mark.parametrize("keeps_alive", [False, True], ids=["new connection", "used connection"])
@pytest.mark.parametrize("case", TOXICS)
def test_under_each_toxic_a_read_ends_at_its_deadline_by_its_name(
    case: str,
    keeps_alive: bool,
    reach: Callable[..., Any],
    proxy: Proxy,
    toxiproxy: ToxiproxyServer,
    thread: str,
    timed: Callable[..., Any],
    wait_for: Callable[..., None],
) -> None:
    stream, attributes, outcome = TOXICS[case]
    way = reach(0.6 if outcome is Outcome.TIMEOUT else 20)
    if keeps_alive:
        wait_for(lambda: answered(way, thread))
    toxic = Toxic(name="bad", type=case.partition(" ")[0], stream=stream, attributes=attributes)
    toxiproxy.add_toxic(proxy.name, toxic)
    failure, seconds = timed(lambda: way.read_context(thread))
    assert (failure.outcome, failure.ambiguous) == (outcome, True)
    assert seconds < HANGS_S
    toxiproxy.remove_toxic(proxy.name, "bad")
    wait_for(lambda: answered(way, thread))


def answered(way: Any, thread: str) -> bool:
    from guard.zep.calls import ZepFailure

    try:
        return "teas" in way.read_context(thread).text
    except ZepFailure:
        return False


@pytest.mark.parametrize("keeps_alive", [False, True], ids=["new connection", "used connection"])
def test_a_proxy_that_is_down_is_a_refused_connection(
    keeps_alive: bool,
    reach: Callable[..., Any],
    proxy: Proxy,
    toxiproxy: ToxiproxyServer,
    thread: str,
    failure_of: Callable[..., Any],
) -> None:
    """Closed idle connections are seen before they are used, so a write is known not to have been sent."""
    way = reach(20)
    if keeps_alive:
        assert "teas" in way.read_context(thread).text
    toxiproxy.update_proxy(proxy.name, enabled=False)
    failure = failure_of(lambda: way.read_context(thread))
    assert (failure.outcome, failure.ambiguous) == (Outcome.CONNECTION, False)
    toxiproxy.update_proxy(proxy.name, enabled=True)
    assert "teas" in way.read_context(thread).text
