"""A process that reads context through the guard: each line on standard input is a wave of so many threads."""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from guard import MemoryService, logs

logs.configure(os.environ.get("ZEPGUARD_LOG_FILE", ""))
service = MemoryService.from_env(program="reader")
service.start_heartbeat()
print("ready", flush=True)
for line in sys.stdin:
    count = int(line)
    service.engine.sight.fresh_until = float("-inf")  # each wave begins with a fresh sight of the mode
    service.mode()
    together = Barrier(count)

    def read(number: int, together: Barrier = together) -> list[object]:
        together.wait()
        result = service.read_context(user_id="u", thread_id=f"t{os.getpid()}-{number}")
        return [result.status, result.detail, result.mode]

    with ThreadPoolExecutor(count) as pool:
        print(json.dumps(list(pool.map(read, range(count)))), flush=True)
service.close()
