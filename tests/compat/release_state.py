"""Run by either release's code, against one database and one store: leave state behind, or go on with it.

    python release_state.py leave|take THREAD

Uses only what both releases have. The environment names database, store and Zep; one line of JSON tells what was seen.
"""

import json
import os
import sys
import time
import uuid

os.environ["DJANGO_SETTINGS_MODULE"] = "chatapp.settings"

import django

django.setup()

from django.core.management import call_command
from django.db import transaction

from guard.django.outbox import DjangoRows, accept
from guard.operator import Operator
from guard.outbox.delivery import deliver
from guard.service import MemoryService

USER = "compat-user"


def accept_turn(thread: str, text: str) -> None:
    """One turn: the person's message and the reply."""
    turn = uuid.uuid4()
    with transaction.atomic():
        accept(user_id=USER, thread_id=thread, role="user", content=text, turn_id=turn)
        accept(user_id=USER, thread_id=thread, role="assistant", content=f"re: {text}", turn_id=turn)


def deliver_all(service: MemoryService) -> int:
    """Deliver what is due; gives how many batches there were."""
    rows, count = DjangoRows(), 0
    while (batch := rows.claim(now=time.time(), lease_s=30)) is not None:
        assert deliver(service, rows, batch)
        count += 1
    return count


def leave(service: MemoryService, thread: str) -> dict[str, object]:
    """Messages in the outbox, a claim whose process has died, a forced mode, a failure counted, a live worker."""
    call_command("migrate", verbosity=0)
    accept_turn(thread, "first")
    accept_turn(thread, "second")
    DjangoRows().claim(now=time.time() - 100, lease_s=1)
    service.start_heartbeat()
    operator = Operator(service, pause=lambda seconds: None)
    operator.force("rollback", 3600)
    return operator.status().as_json()


def take(service: MemoryService, thread: str) -> dict[str, object]:
    """Read the mode, deliver what was left and more, clear, and read memory."""
    operator = Operator(service, pause=lambda seconds: None)
    found = operator.status().as_json()
    batches = deliver_all(service)
    accept_turn(thread, "third")
    batches += deliver_all(service)
    operator.clear()
    time.sleep(1.1)  # the view of the record is a second old at most
    context = service.read_context(user_id=USER, thread_id=thread)
    after = operator.status().as_json()
    return {"found": found, "batches": batches, "status": context.status, "text": context.text, "after": after}


if __name__ == "__main__":
    service = MemoryService.from_env(program="compat")
    if sys.argv[1] == "take" and os.environ.get("COMPAT_MIGRATE"):
        call_command("migrate", verbosity=0)
    told = {"leave": leave, "take": take}[sys.argv[1]](service, sys.argv[2])
    print(json.dumps(told))
    sys.stdout.flush()
    os._exit(0)  # as a killed worker: the heartbeat stays until it is too old
