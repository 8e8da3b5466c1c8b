"""Reads from a server that drips a byte a second: how long they take, and what they leave behind.

python benchmarks/drip.py [--reads 10000] [--at-once 64] [--timeout-ms 100]

Each line is one way of reading: threads with the sync client, tasks with the async one, and beside them the SDK's own
client with httpx's timeout of the same length, which a drip passes for as long as it lasts (here 3 s, once).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from guard.zep.async_sdk import AsyncSdkZep
from guard.zep.async_sockets import AsyncDeadlineTransport
from guard.zep.calls import ZepFailure
from guard.zep.sdk import SdkZep
from guard.zep.sockets import DeadlineTransport

SERVER = """
import asyncio

async def drip(reader, writer):
    try:
        while await reader.read(65536):
            for byte in b'HTTP/1.1 200 OK\\r\\nContent-Length: 18\\r\\n\\r\\n{"context": "tea"}':
                writer.write(bytes([byte]))
                await asyncio.sleep(EVERY_S)
                if writer.is_closing() or reader.at_eof():
                    return
    except OSError:
        pass
    finally:
        writer.close()

async def main():
    server = await asyncio.start_server(drip, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


def read(call: Callable[[], object]) -> float:
    """Seconds until one read failed with a timeout; another end is an error."""
    began = time.perf_counter()
    try:
        call()
    except ZepFailure as failure:
        if failure.outcome.value != "timeout":
            raise
        return time.perf_counter() - began
    raise AssertionError("a dripped read was answered")


def by_threads(url: str, timeout_s: float, reads: int, at_once: int) -> list[float]:
    """Read with the sync client, in threads."""
    zep = SdkZep(base_url=url, api_key="k", timeout_s=timeout_s, transport=DeadlineTransport(connections_max=at_once))
    with ThreadPoolExecutor(at_once) as pool:
        took = list(pool.map(lambda _: read(lambda: zep.read_context("t")), range(reads)))
    zep.close()
    return took


def by_tasks(url: str, timeout_s: float, reads: int, at_once: int) -> list[float]:
    """Read with the async client, in tasks."""

    async def all_of_them() -> list[float]:
        transport = AsyncDeadlineTransport(connections_max=at_once)
        zep = AsyncSdkZep(base_url=url, api_key="k", timeout_s=timeout_s, transport=transport)
        took: list[float] = []

        async def some(count: int) -> None:
            for _ in range(count):
                began = time.perf_counter()
                try:
                    await zep.read_context("t")
                except ZepFailure as failure:
                    if failure.outcome.value != "timeout":
                        raise
                    took.append(time.perf_counter() - began)

        await asyncio.gather(*(some(reads // at_once + (n < reads % at_once)) for n in range(at_once)))
        await zep.aclose()
        return took

    return asyncio.run(all_of_them())


def holdings() -> tuple[int, int, int]:
    """Threads, open files and resident kilobytes of this process."""
    gc.collect()
    status = Path("/proc/self/status").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return threading.active_count(), len(list(Path("/proc/self/fd").iterdir())), resident


def unguarded(url: str, timeout_s: float) -> float:
    """Seconds of one read with the SDK's own client and httpx's timeout."""
    from zep_cloud.base_client import BaseClient

    zep = BaseClient(api_key="k", base_url=f"{url}/api/v2", timeout=timeout_s)
    began = time.perf_counter()
    zep.thread.get_user_context("t")
    return time.perf_counter() - began


def dripping(every_s: float) -> tuple[subprocess.Popen[str], str]:
    """Start a server that sends a byte each ``every_s`` seconds, in a process of its own."""
    script = SERVER.replace("EVERY_S", str(every_s))
    server = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    return server, f"http://127.0.0.1:{int(server.stdout.readline())}"


def main() -> None:
    """Warm each way up, measure it, and print what it took and what it left."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reads", type=int, default=10_000)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--timeout-ms", type=int, default=100)
    chosen = parser.parse_args()
    timeout_s = chosen.timeout_ms / 1000
    server, url = dripping(1)
    try:
        for name, way in (("threads", by_threads), ("tasks", by_tasks)):
            way(url, timeout_s, chosen.at_once * 4, chosen.at_once)
            before = holdings()
            began = time.perf_counter()
            took = sorted(way(url, timeout_s, chosen.reads, chosen.at_once))
            lasted = time.perf_counter() - began
            after = holdings()
            half, most = took[len(took) // 2] / timeout_s, took[int(len(took) * 0.99)] / timeout_s
            print(
                f"{name:8} {len(took)} reads in {lasted:.1f} s; deadline x {half:.2f} (median), x {most:.2f} (99 %); "
                f"threads {after[0] - before[0]:+d}, files {after[1] - before[1]:+d}, "
                f"memory {(after[2] - before[2]) / 1024:+.1f} MB",
                flush=True,
            )
    finally:
        server.kill()
        server.wait()
    server, url = dripping(0.05)
    try:
        print(f"{'SDK':8} 1 read, answered after deadline x {unguarded(url, timeout_s) / timeout_s:.1f}")
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()
