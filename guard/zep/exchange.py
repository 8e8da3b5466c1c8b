"""One request and its answer over one connection: what threads and coroutines do alike."""

from __future__ import annotations

from typing import Any

import httpcore

from guard.zep.body import Body

__all__ = ["CONNECTIONS_MAX", "KEEPALIVE_S", "body_of", "is_overrun", "pool_timeout", "whole"]

CONNECTIONS_MAX = 2000
"""Connections of one client, and so its calls at once: the highest ``ZEPGUARD_CALLS_MAX``, for reads and for writes.

The bulkhead bounds calls, by that setting; a call that it let through and that waited here for a place would end as a
timeout, and count against Zep.
"""

KEEPALIVE_S = 30.0
"""For so long an idle connection is kept, seconds."""


def pool_timeout(request: httpcore.Request) -> float | None:
    """Give the seconds that httpx lets a request wait for a connection."""
    seconds: float | None = request.extensions.get("timeout", {}).get("pool")
    return seconds


def body_of(response: httpcore.Response) -> Body:
    """Give what takes the body of an answer whose head is there."""
    headers = {name.lower(): value.decode("latin-1") for name, value in response.headers}
    return Body(encoding=headers.get(b"content-encoding", ""), announced=headers.get(b"content-length", ""))


def whole(response: httpcore.Response, body: Body) -> httpcore.Response:
    """Give the answer with its body, unpacked, and without its connection."""
    headers = [(name, value) for name, value in response.headers if name.lower() != b"content-encoding"]
    kept = {name: value for name, value in response.extensions.items() if name != "network_stream"}
    return httpcore.Response(response.status, headers=headers, content=body.whole(), extensions=kept)


def is_overrun(response: httpcore.Response) -> bool:
    """Whether more has arrived than the answer: used again, the connection would take the rest for the next answer.

    What is still in the socket httpcore sees itself; what h11 has already taken it does not look at (1.0.9).
    """
    stream: Any = response.stream
    trailing, _ = stream._connection._h11_state.trailing_data
    return bool(trailing)
