"""One builder at a time in the user's cache."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zepguard.parts.commands import CommandFailed, Progress

_LOCK_WAIT_S = 1_200.0
_LOCK_LOOK_EVERY_S = 0.2
_SAY_WAITING_AFTER_S = 2.0


@contextmanager
def locked(path: Path, building: str, on_progress: Progress) -> Iterator[None]:
    """Hold a lock that ends with the process, also with a killed one. Raises CommandFailed after a long wait."""
    began = time.monotonic()
    told = False
    with path.open("a") as handle:
        while not _try_lock(handle.fileno()):
            waited_s = time.monotonic() - began
            if waited_s > _LOCK_WAIT_S:
                raise CommandFailed(f"another process has held {path} for {_LOCK_WAIT_S:.0f} s")
            if waited_s > _SAY_WAITING_AFTER_S and not told:
                on_progress(f"waiting for another process that is building {building}")
                told = True
            time.sleep(_LOCK_LOOK_EVERY_S)
        yield


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
