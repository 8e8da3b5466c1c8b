"""One JSON line an event, whole lines over processes, in one file.

Each line is one ``write`` to a file opened for appending, so lines of several processes never mix. No key, token or
message text is ever passed to a logger here; and each line is redacted (``guard.log_privacy``), also what an app or an
exception adds.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

from guard.forks import new_lock
from guard.log_privacy import RedactingFilter, name_of_id, redact_event

__all__ = ["RedactingFilter", "configure", "get_logger", "name_of_id"]


class _Descriptor:
    """An open file, closed once nobody has it any more: neither the configuration nor a thread that is writing."""

    def __init__(self, path: str) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self.number = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        self.pid = os.getpid()

    def __del__(self) -> None:
        with suppress(OSError, AttributeError):  # closed by another hand, or never opened
            os.close(self.number)


class _LineFile:
    """A logger of structlog, and its own factory, that writes each finished line with one system call."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = new_lock()
        self._opened: _Descriptor | None = None

    def __call__(self, *_: Any) -> _LineFile:
        return self

    def msg(self, message: str) -> None:
        line = (message + "\n").encode("utf-8", "backslashreplace")
        with suppress(OSError):  # a full disk or a missing folder must not fail a chat turn
            if self.path:
                descriptor = self._descriptor()
                os.write(descriptor.number, line)
            else:
                os.write(2, line)  # what stands for sys.stderr may have no file behind it (Celery, test runners)

    log = debug = info = warning = error = critical = msg

    def _descriptor(self) -> _Descriptor:
        opened = self._opened
        if opened is None or opened.pid != os.getpid():
            with self._lock:
                opened = self._opened
                if opened is None or opened.pid != os.getpid():
                    self._opened = opened = _Descriptor(self.path)
        return opened


def configure(path: str = "") -> None:
    """Send the process's log events to ``path`` (appended to), or to standard error if it is empty.

    Nothing is done where they go there already; else the former file is closed.
    """
    current = structlog.get_config()["logger_factory"]
    if isinstance(current, _LineFile) and current.path == path:
        return
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redact_event,
            structlog.processors.JSONRenderer(sort_keys=False, default=str),
        ],
        logger_factory=_LineFile(path),
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> Any:
    """A structlog logger whose lines carry ``source=name``."""
    return structlog.get_logger(source=name)
