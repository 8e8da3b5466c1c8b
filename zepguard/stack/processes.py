"""Processes that we started, told apart from others that got their pid later."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ProcessIdentity", "identify", "kill_if_same"]

_PROC = Path("/proc")
_STARTED_AT_FIELD = 19  # of those after the command's closing bracket; field 22 in proc(5)


@dataclass(frozen=True, kw_only=True)
class ProcessIdentity:
    """A pid and when its process began; together they mean one process for ever."""

    pid: int
    began: str


def identify(pid: int) -> ProcessIdentity | None:
    """Return the identity of a live process, or None when there is none (a zombie is dead)."""
    began = _began_linux(pid) if (_PROC / "self" / "stat").exists() else _began_ps(pid)
    return ProcessIdentity(pid=pid, began=began) if began else None


def kill_if_same(process: ProcessIdentity) -> bool:
    """SIGKILL this process if it still lives; True if it did. Another one with its pid is left alone."""
    if identify(process.pid) != process:
        return False
    try:
        os.kill(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _began_linux(pid: int) -> str:
    try:
        # Bytes: the command between the brackets may be anything, also a bracket.
        after_command = (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return ""
    state, began = after_command[0], after_command[_STARTED_AT_FIELD]
    return "" if state in (b"Z", b"X") else began.decode("ascii")


def _began_ps(pid: int) -> str:
    asked = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=5, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""
    state, _, began = said.partition(" ")
    return "" if state.startswith("Z") else began.strip()
