"""What a program said last, for an error that tells of its end."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["end_of_log"]

_TAIL_BYTES = 8_000
_TAIL_LINES = 15


def end_of_log(path: Path) -> str:
    """Return the last lines of a log, indented; for an error."""
    try:
        with path.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(0, size - _TAIL_BYTES))
            lines = log.read().decode("utf-8", "replace").splitlines()[-_TAIL_LINES:]
    except OSError:
        lines = []
    return "\n".join(f"    {line}" for line in lines or ["(it wrote nothing)"])
