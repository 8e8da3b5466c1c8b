"""A process that delivers the outbox until its standard input ends."""

import json
import os
import sys
from threading import Event, Thread

import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["guard.django"],
    DATABASES={"default": json.loads(os.environ["TEST_DATABASE"])},
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from guard import MemoryService  # noqa: E402
from guard.django.delivery import DeliveryLoop  # noqa: E402

service = MemoryService.from_env(program="deliverer")
stop = Event()
loop = DeliveryLoop(service)
thread = Thread(target=loop.run, args=(stop,))
thread.start()
print("ready", flush=True)
sys.stdin.read()
stop.set()
loop.nudge()
thread.join()
service.close()
