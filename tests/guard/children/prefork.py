"""A parent that reads in threads, has its bulkhead full, and forks workers meanwhile; each tells what it got."""

import json
import os
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from guard import MemoryService

WORKERS = 4
THREADS = 8

service = MemoryService.from_env(program="prefork")
service.start_heartbeat()
over = threading.Event()


def load(number: int) -> Counter[str]:
    """Read until it is over."""
    told: Counter[str] = Counter()
    while not over.is_set():
        told[str(service.read_context(user_id="u", thread_id=f"parent-{number}").status)] += 1
    return told


def work(name: str) -> dict[str, int]:
    """What a worker does: as many reads at once as its bulkhead takes, twice."""
    told: Counter[str] = Counter()
    for wave in range(2):
        together = threading.Barrier(THREADS)

        def read(number: int, wave: int = wave, together: threading.Barrier = together) -> str:
            together.wait()
            result = service.read_context(user_id="u", thread_id=f"{name}-{wave}-{number}")
            return f"{result.status} {result.detail}".strip()

        with ThreadPoolExecutor(THREADS) as pool:
            told.update(pool.map(read, range(THREADS)))
    service.close()
    return dict(told)


with ThreadPoolExecutor(2 * THREADS) as busy:
    loading = [busy.submit(load, number) for number in range(2 * THREADS)]
    pipes = []
    for number in range(WORKERS):
        out, back = os.pipe()
        if os.fork() == 0:
            os.write(back, json.dumps(work(f"w{number}")).encode())
            os._exit(0)
        os.close(back)
        pipes.append(out)
    children = [json.loads(os.read(out, 65536) or b"{}") for out in pipes]
    statuses = [os.wait()[1] for _ in range(WORKERS)]
    over.set()
    mine = sum((one.result() for one in loading), Counter())
print(json.dumps({"children": children, "ends": statuses, "parent": mine, "mode": service.mode()}), flush=True)
service.close()
sys.exit(0)
