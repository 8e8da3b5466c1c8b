"""A real Toxiproxy and a real fake Zep for the whole run of tests; a proxy of its own for each test."""

import os
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from chaos.errors import ToxiproxyError
from chaos.fakezep_admin import FakeZepAdmin
from chaos.probe import probe
from chaos.target import ChaosTarget
from chaos.toxiproxy import Proxy, ToxiproxyServer
from fakezep.testing import RunningFakeZep, running_fakezep
from zepguard.parts import obtain_toxiproxy


def free_port() -> int:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        return int(holder.getsockname()[1])


def start_toxiproxy(binary: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Another process may take the port between choosing and using it: then choose again."""
    for _ in range(5):
        port = free_port()
        process = subprocess.Popen(
            [binary, "-host", "127.0.0.1", "-port", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 10
        while process.poll() is None and time.monotonic() < deadline:
            try:
                ToxiproxyServer(url, timeout_s=1).version()
            except ToxiproxyError:
                time.sleep(0.02)
            else:
                return process, url
        end(process)
    raise AssertionError("Toxiproxy did not start")


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(60)


@pytest.fixture(scope="session")
def toxiproxy_binary() -> Path:
    return obtain_toxiproxy(os.environ).path


@pytest.fixture(scope="session")
def toxiproxy_url(toxiproxy_binary: Path) -> Iterator[str]:
    process, url = start_toxiproxy(toxiproxy_binary)
    yield url
    end(process)


@pytest.fixture
def server(toxiproxy_url: str) -> ToxiproxyServer:
    return ToxiproxyServer(toxiproxy_url)


@pytest.fixture(scope="session")
def fakezep() -> Iterator[RunningFakeZep]:
    with running_fakezep() as fake:
        yield fake


@pytest.fixture
def admin(fakezep: RunningFakeZep) -> Iterator[FakeZepAdmin]:
    with FakeZepAdmin(fakezep.admin_url, fakezep.admin_key) as admin:
        admin.reset()
        yield admin
        admin.reset()


@pytest.fixture
def target(server: ToxiproxyServer, fakezep: RunningFakeZep, admin: FakeZepAdmin) -> Iterator[ChaosTarget]:
    name = f"zep {uuid.uuid4()}"
    proxy = server.create_proxy(Proxy(name=name, upstream=urlsplit(fakezep.url).netloc))
    yield ChaosTarget(
        toxiproxy_url=server.url,
        proxy=name,
        zep_via_proxy_url=f"http://{proxy.listen}/api/v2",
        fakezep_admin_url=fakezep.admin_url,
        admin_key=fakezep.admin_key,
        zep_api_key=fakezep.api_key,
    )
    server.remove_proxy(name)


def passes(target: ChaosTarget) -> bool:
    """Traffic passes as if nothing had ever been."""
    result = probe(target, wait_s=2)
    return result.ended == "answered" and result.status == 404 and result.took_s < 1
