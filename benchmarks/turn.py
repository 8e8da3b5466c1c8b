"""A chat turn's p50 and p95 on the stack, memory read on and off in one run; the peer is the same turn in write_only.

    python benchmarks/turn.py [TURNS]

Turns of both kinds alternate in blocks, so that both see the same machine. Loopback only.
"""

from __future__ import annotations

import statistics
import sys
import time

import httpx

from guard.core.events import Clear, Force
from guard.core.modes import Reason
from guard.service import MemoryService
from guard.sight import VIEW_AGE_S_MAX
from zepguard.stack.env_file import read_env_file
from zepguard.stack.stack import Stack

BLOCK = 25


def main(turns: int) -> None:
    """Measure and print."""
    took: dict[str, list[float]] = {"read_write": [], "write_only": []}
    with Stack.start() as info, httpx.Client(trust_env=False) as http:
        store = MemoryService.from_env(read_env_file(info.env_file)).store()
        headers = {"Authorization": f"Bearer {info.jwt}"}
        for block in range(max(2, turns // BLOCK)):
            mode = "read_write" if block % 2 else "write_only"
            store.apply(Clear() if block % 2 else Force(reason=Reason.MANUAL, ttl_s=600))
            time.sleep(VIEW_AGE_S_MAX + 0.1)
            for number in range(BLOCK):
                body = {"message": f"turn {number}", "thread_id": f"bench-{block}"}
                began = time.perf_counter()
                http.post(info.chat_url, json=body, headers=headers).raise_for_status()
                took[mode].append((time.perf_counter() - began) * 1000)
    for mode, ms in took.items():
        print(f"{mode:10}  n={len(ms)}  p50 {statistics.median(ms):6.1f} ms  p95 {percentile(ms, 95):6.1f} ms")
    ratio = statistics.median(took["read_write"]) / statistics.median(took["write_only"])
    print(f"a turn with a read of memory costs {ratio:.2f} times one without (p50)")


def percentile(values: list[float], percent: int) -> float:
    """The nearest-rank percentile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
