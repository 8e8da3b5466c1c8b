"""The lifeline: a process that cannot outlive the one that started it, even if that one is killed with SIGKILL.

On Linux the kernel does it (``PR_SET_PDEATHSIG``). The signal follows the *thread* that forked, so what starts a
process with a lifeline must do so from its main thread. Elsewhere a small watcher, a child of the tied process,
looks five times a second whether the parent still lives.

``python -m zepguard.stack.lifeline ARGV...`` ties itself to its parent and becomes ARGV. Each process says its
children in ``ZEPGUARD_STACK_PARENT`` who their parent is; a child that finds another one was born an orphan.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import MutableMapping
from typing import NoReturn

__all__ = ["PARENT", "become", "tie_to_parent", "watch_parent"]

PARENT = "ZEPGUARD_STACK_PARENT"

_PR_SET_PDEATHSIG = 1
_WATCH_S = 0.2


def tie_to_parent(environ: MutableMapping[str, str]) -> None:
    """Tie this process to its parent, and exit at once if that one is dead already."""
    expected = int(environ.get(PARENT) or os.getppid())
    environ[PARENT] = str(os.getpid())  # an exec keeps the pid: this is what our children will have
    if sys.platform.startswith("linux"):
        _ask_kernel()
    else:
        watch_parent(expected)
    if os.getppid() != expected:
        sys.exit("The process that started this one is gone; nothing to do.")


def become(command: list[str], environ: MutableMapping[str, str]) -> NoReturn:
    """Replace this process by a command; exit with the shell's 127 when there is none."""
    try:
        os.execvpe(command[0], command, environ)
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be started ({error.strerror}).\n")
        sys.exit(127)


def watch_parent(parent: int) -> None:
    """Leave a watcher behind that kills this process group's leader soon after ``parent`` has died."""
    watched = os.getpid()
    if os.fork() == 0:
        try:
            _watch(parent, watched)
        finally:
            os._exit(0)


def _ask_kernel() -> None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        sys.exit(f"prctl(PR_SET_PDEATHSIG) failed ({os.strerror(ctypes.get_errno())}).")


def _watch(parent: int, watched: int) -> None:
    # The supervisor signals the whole group; the watcher must see the program to its end.
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(ignored, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    while os.getppid() == watched:
        if not _alive(parent):
            os.kill(watched, signal.SIGKILL)
            return
        time.sleep(_WATCH_S)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    tie_to_parent(os.environ)
    become(sys.argv[1:], os.environ)
