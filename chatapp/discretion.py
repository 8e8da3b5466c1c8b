"""Keeps message text out of what other libraries log.

Celery prints the whole body of a message that it cannot use, and any exception's own text may quote a person.
"""

from __future__ import annotations

import logging
import traceback
from types import TracebackType

__all__ = ["DiscreetFilter", "DiscreetFormatter"]

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

_BODIES_FROM = "celery.worker.consumer.consumer"
_QUOTES = ("full contents of the message body", "Can't decode message body")


class DiscreetFilter(logging.Filter):
    """Cuts a record of Celery that would quote a message's body to its first sentence."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, some of them shorter."""
        template = str(record.msg)
        if record.name == _BODIES_FROM and any(quote in template for quote in _QUOTES):
            record.msg = template.split("%", 1)[0].split("\n", 1)[0] + " (contents withheld)"
            record.args = ()
        return True


class DiscreetFormatter(logging.Formatter):
    """Shows where an exception came from and its type, never its text."""

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802 - the name is logging's
        """Give the frames and the type."""
        kind, _, where = ei
        return "".join(traceback.format_tb(where)) + (kind.__name__ if kind else "")
