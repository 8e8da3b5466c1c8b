"""One JSON line an event, whole lines over processes, in one file.

Each line is one ``write`` to a file opened for appending, so lines of several processes never mix. No key, token or
message text is ever passed to a logger here.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

import structlog

__all__ = ["configure", "get_logger"]


class _LineFile:
    """A logger of structlog that writes each finished line with one system call."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = Lock()
        self._pid = 0
        self._fd = 2

    def msg(self, message: str) -> None:
        with suppress(OSError):  # a full disk or a missing folder must not fail a chat turn
            os.write(self._descriptor(), (message + "\n").encode("utf-8", "backslashreplace"))

    log = debug = info = warning = error = critical = msg

    def _descriptor(self) -> int:
        if not self._path:
            return 2  # what stands for sys.stderr may have no file behind it (Celery, test runners)
        if self._pid != os.getpid():
            with self._lock:
                if self._pid == os.getpid():
                    return self._fd
                Path(self._path).parent.mkdir(parents=True, exist_ok=True)
                self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
                self._pid = os.getpid()
        return self._fd


def configure(path: str = "") -> None:
    """Send the process's log events to ``path`` (appended to), or to standard error if it is empty."""
    lines = _LineFile(path)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(sort_keys=False, default=str),
        ],
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> Any:
    """A structlog logger whose lines carry ``source=name``."""
    return structlog.get_logger(source=name)
