"""Many dripped reads at once leave threads, sockets and memory as they were; ``benchmarks/drip.py`` makes 10,000."""

from __future__ import annotations

import asyncio
import gc
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from guard.core.table import Outcome
from guard.zep.calls import ZepFailure

READS, AT_ONCE, TIMEOUT_S = 600, 64, 0.1
GROWTH_MAX = 150_000
"""Bytes of Python objects: a quarter of a kilobyte a read would be more."""


@pytest.fixture
def dripping() -> Iterator[str]:
    """The address of a server that answers with a byte a second; one thread serves all."""
    loop = asyncio.new_event_loop()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n":
            writer.write(bytes([byte]))
            await asyncio.sleep(1)
            if reader.at_eof() or writer.is_closing():
                break
        writer.close()

    server = loop.run_until_complete(asyncio.start_server(drip, "127.0.0.1", 0, backlog=256))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def end() -> None:
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run_coroutine_threadsafe(end(), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def outcomes_of(way: Any, reads: int) -> set[Any]:
    def read(_: int) -> Any:
        try:
            return way.read_context("t")
        except ZepFailure as failure:
            return failure.outcome

    if way.kind == "sync":
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return set(pool.map(read, range(reads)))

    async def some(count: int) -> set[Any]:
        seen = set()
        for _ in range(count):
            try:
                seen.add(await way.zep.read_context("t"))
            except ZepFailure as failure:
                seen.add(failure.outcome)
        return seen

    async def all_of_them() -> set[Any]:
        return set().union(*await asyncio.gather(*(some(reads // AT_ONCE + 1) for _ in range(AT_ONCE))))

    return way.run(all_of_them())


def test_dripped_reads_leave_nothing_behind(
    dripping: str, connect: Callable[..., Any], wait_for: Callable[..., None], open_sockets: Callable[[], int]
) -> None:
    way = connect(dripping, timeout_s=TIMEOUT_S, connections_max=AT_ONCE)
    assert outcomes_of(way, AT_ONCE) == {Outcome.TIMEOUT}
    wait_for(lambda: open_sockets() < AT_ONCE / 2)  # the server's ends close when it next looks, a second later
    threads, sockets = threading.active_count(), open_sockets()
    tracemalloc.start()
    try:
        outcomes_of(way, AT_ONCE)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        assert outcomes_of(way, READS) == {Outcome.TIMEOUT}
        wait_for(lambda: open_sockets() <= sockets)
        wait_for(lambda: gc.collect() >= 0 and tracemalloc.get_traced_memory()[0] < before + GROWTH_MAX)
    finally:
        tracemalloc.stop()
    wait_for(lambda: threading.active_count() <= threads)
