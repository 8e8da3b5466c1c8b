"""A process that counts: ``read`` reads through a guard that finds nobody, so many times, then waits for its end."""

import os
import sys
from pathlib import Path

action, argument = sys.argv[1:]
if action == "render":
    from guard import MemoryService
    from guard.metrics.exposition import render

    print(render(MemoryService.from_env())[0].decode().replace("\n", "\x1f"), flush=True)
elif action == "count":
    from guard.metrics import instruments

    for _ in range(int(argument)):
        instruments.READ_REQUESTS.inc()
        instruments.READ_LATENCY.observe(0.2)
    print("counted", flush=True)
    sys.stdin.read()
elif action == "compact":
    from guard.metrics import folder

    print("ready", flush=True)
    while True:
        folder.compact(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
elif action == "log":
    from guard.logs import configure, get_logger

    configure(os.environ["ZEPGUARD_LOG_FILE"])
    log = get_logger("test")
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(int(argument)):
        log.info("hello", number=number, pid=os.getpid(), text="x" * 5000)
