"""Restart the delivery worker along with the chat worker, as supervisord's event listener.

The checklist flips flags and keys and restarts ``celery_chat_worker`` alone. The messages of a chat are delivered by
``celery_delivery_worker``, a program of its own: left alone it would go on with the former key. supervisord has no
dependency between programs; a listener is its own way to make one. Only an operator's stop and start count: a killed
chat worker that supervisord starts again has read the same env file as before.

    python -m zepguard.stack.companion SOCKET
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TextIO

from zepguard.stack.errors import SupervisorUnreachable
from zepguard.stack.supervisor_client import Supervisor

__all__ = ["EVENTS", "LEADER", "follow"]

LEADER = "celery_chat_worker"
FOLLOWER = "celery_delivery_worker"
EVENTS = ("PROCESS_STATE_STOPPED", "PROCESS_STATE_STARTING")


def follow(supervisor: Supervisor, incoming: TextIO, outgoing: TextIO) -> None:
    """Serve supervisord's events until it closes the pipe."""
    stopped = False
    while event := _next_event(incoming, outgoing):
        name, process = event
        if process == LEADER and name == "PROCESS_STATE_STOPPED":
            stopped = True
        elif process == LEADER and stopped:
            stopped = False
            _restart(supervisor)
        outgoing.write("RESULT 2\nOK")
        outgoing.flush()


def _next_event(incoming: TextIO, outgoing: TextIO) -> tuple[str, str] | None:
    """Say READY and read one event: its name and the process that it is about."""
    outgoing.write("READY\n")
    outgoing.flush()
    header = _tokens(incoming.readline())
    if not header:
        return None
    payload = _tokens(incoming.read(int(header["len"])))
    return header["eventname"], payload.get("processname", "")


def _tokens(line: str) -> dict[str, str]:
    return dict(word.split(":", 1) for word in line.split())


def _restart(supervisor: Supervisor) -> None:
    try:
        if supervisor.programs()[FOLLOWER].state in ("RUNNING", "STARTING"):
            supervisor.restart(FOLLOWER)
    except SupervisorUnreachable as error:
        sys.stderr.write(f"{FOLLOWER} was not restarted: {error}\n")


if __name__ == "__main__":
    follow(Supervisor(Path(sys.argv[1]), timeout_s=10), sys.stdin, sys.stdout)
