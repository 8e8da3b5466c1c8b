"""What the SDK really raises, turned into a row of the transition table.

Timeouts and connection failures are httpx errors and no ``ApiError``; a 2xx without JSON is an ``ApiError`` with that
2xx; JSON of another shape is a pydantic error, and a decoding error is neither (contract, section 3, measured): what
is none of the others is an answer of the wrong shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

import httpx
from zep_cloud.core.api_error import ApiError

from guard.core.table import Outcome
from guard.zep.body import UnreadableBody
from guard.zep.calls import ZepFailure
from guard.zep.operations import WrongShape

__all__ = ["RETRY_AFTER_S", "RETRY_AFTER_S_MAX", "failure_of"]

RETRY_AFTER_S = 60.0
"""Pause after a 429 without ``Retry-After``: Zep's rate window is a minute (contract, section 4)."""

RETRY_AFTER_S_MAX = 3600.0


def failure_of(error: Exception, *, now: float) -> ZepFailure:
    """Name what went wrong.

    Args:
        error: what the SDK let out.
        now: unix seconds, for a ``Retry-After`` that is a date.
    """
    if isinstance(error, ApiError):
        return _from_status(error, now)
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        outcome = Outcome.CONNECTION if isinstance(error, httpx.ConnectError) else Outcome.TIMEOUT
        return ZepFailure(outcome, _say(error))
    if isinstance(error, httpx.ProtocolError):  # its text quotes our header, which may be the key's, or the answer
        ours = isinstance(error, httpx.LocalProtocolError)
        return ZepFailure(Outcome.CONNECTION, type(error).__name__, ambiguous=not ours)
    if isinstance(error, httpx.TimeoutException):
        return ZepFailure(Outcome.TIMEOUT, _say(error), ambiguous=True)
    if isinstance(error, httpx.TransportError):
        return ZepFailure(Outcome.CONNECTION, _say(error), ambiguous=True)
    if isinstance(error, UnreadableBody | WrongShape):
        return ZepFailure(Outcome.WRONG_SHAPE, _say(error), ambiguous=True)
    return ZepFailure(Outcome.WRONG_SHAPE, type(error).__name__, ambiguous=True)  # its text may quote the answer


def _say(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _from_status(error: ApiError, now: float) -> ZepFailure:
    status = error.status_code or 0
    message = f"HTTP {status}"
    if status in (401, 403):
        return ZepFailure(Outcome.AUTH, message, status=status)
    if status == 404:
        return ZepFailure(Outcome.NOT_FOUND, message, status=status)
    if status == 429:
        wait = _retry_after_s(error.headers or {}, now)
        return ZepFailure(Outcome.RATE_LIMITED, message, status=status, retry_after_s=wait)
    if status == 408:
        return ZepFailure(Outcome.TIMEOUT, message, status=status, ambiguous=True)
    if status >= 500:
        return ZepFailure(Outcome.SERVER_ERROR, message, status=status, ambiguous=True)
    if status >= 400:
        return ZepFailure(Outcome.REFUSED, message, status=status)
    return ZepFailure(
        Outcome.WRONG_SHAPE, f"{message} without the JSON that was asked for", status=status, ambiguous=True
    )


def _retry_after_s(headers: Mapping[str, str], now: float) -> float:
    text = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    try:
        seconds = float(text) if text.replace(".", "", 1).isdigit() else _unix_seconds(text) - now
    except (ValueError, OverflowError):
        return RETRY_AFTER_S
    return min(max(seconds, 0.0), RETRY_AFTER_S_MAX)


def _unix_seconds(date: str) -> float:
    at = parsedate_to_datetime(date)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()  # HTTP's dates are in GMT, said or not
