"""A process that delivers a SQLite file's outbox until its standard input ends: an app without Django."""

import os
import sqlite3
import sys
from threading import Event, Thread

from guard import MemoryService
from guard.outbox import DeliveryLoop
from guard.outbox.dbapi import DbApiRows

assert "django" not in sys.modules
path = os.environ["TEST_DATABASE"]
rows = DbApiRows(lambda: sqlite3.connect(path, timeout=20, check_same_thread=False))
service = MemoryService.from_env(program="deliverer")
stop = Event()
loop = DeliveryLoop(service, rows)
thread = Thread(target=loop.run, args=(stop,))
thread.start()
print("ready", flush=True)
sys.stdin.read()
stop.set()
loop.nudge()
thread.join()
service.close()
rows.close()
