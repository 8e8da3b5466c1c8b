"""One connection of our own through the proxy, and how it ended: the receipt that a fault is on.

A raw socket, and not an HTTP client: a client hides whether it was refused, reset, closed half way or kept
waiting, and its timeout is per read, so a drip passes it for half a minute and "succeeds".
"""

import http.client
import io
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from chaos.target import ChaosTarget

Ending = Literal["answered", "refused", "reset", "closed", "silent", "incomplete", "unreachable", "abandoned"]
"""``closed``: by the other side before the whole answer. ``silent``: held open without a byte until the
wait was over. ``incomplete``: some bytes, not all, and the wait was over. ``unreachable``: no connection.
``abandoned``: we gave up early, so it shows nothing."""

Over = Callable[[], bool]
"""Whether to give up: asked ten times a second."""


def never() -> bool:
    """Do not give up early."""
    return False


PROBE_PATH = "zepguard-chaos-probe"
_CONNECT_S_MAX = 2.0
_LOOK_UP_EVERY_S = 0.1
_READ_BYTES = 65_536


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What became of one connection. ``first_byte_s`` and ``took_s`` count from the request's last byte."""

    ended: Ending
    answers: int = 0
    status: int | None = None
    bytes_received: int = 0
    first_byte_s: float | None = None
    took_s: float = 0.0


def probe(target: ChaosTarget, *, wait_s: float, requests: int = 1, over: Over = never) -> Probe:
    """Send up to ``requests`` GETs one after the other over one connection; wait ``wait_s`` for all of it.

    It asks for a path that Zep does not know, with the right key: any answer will do, nothing is read or
    written, and in fakezep's journal the entry has no route. Raises nothing for what the network does.
    """
    parts = urlsplit(target.zep_via_proxy_url)
    address = (str(parts.hostname), int(parts.port or 80))
    deadline = time.monotonic() + wait_s
    try:
        connection = socket.create_connection(address, timeout=min(wait_s, _CONNECT_S_MAX))
    except ConnectionRefusedError:
        return Probe(ended="refused")
    except ConnectionResetError:
        return Probe(ended="reset")
    except OSError:
        return Probe(ended="unreachable")
    wire = _request(parts.netloc, f"{parts.path.rstrip('/')}/{PROBE_PATH}", target.zep_api_key)
    with connection:
        return _Conversation(connection, deadline, over).run(wire, requests)


def _request(host: str, path: str, key: str) -> bytes:
    sent = {"Host": host, "User-Agent": PROBE_PATH, "Accept": "*/*", "Authorization": f"Api-Key {key}"}
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1")


class _Conversation:
    """Requests and answers on one open connection; the counts become the probe."""

    def __init__(self, connection: socket.socket, deadline: float, over: Over) -> None:
        self._connection = connection
        self._deadline = deadline
        self._over = over
        self._total = 0
        self._status: int | None = None
        self._first_byte_s: float | None = None
        self._sent_at = time.monotonic()

    def run(self, wire: bytes, requests: int) -> Probe:
        answers = 0
        ended: Ending = "answered"
        while answers < requests and ended == "answered":
            try:
                ended = self._one(wire)
            except OSError:  # reset or broken pipe: the other side is gone without a goodbye
                ended = "reset"
            answers += ended == "answered"
        return Probe(
            ended=ended,
            answers=answers,
            status=self._status,
            bytes_received=self._total,
            first_byte_s=self._first_byte_s,
            took_s=time.monotonic() - self._sent_at,
        )

    def _one(self, wire: bytes) -> Ending:
        self._connection.settimeout(_LOOK_UP_EVERY_S)
        self._connection.sendall(wire)
        if not self._total:
            self._sent_at = time.monotonic()
        received = b""
        while (length := answer_bytes(received)) is None or len(received) < length:
            if self._over():
                return "abandoned"
            left_s = self._deadline - time.monotonic()
            if left_s <= 0:
                return "incomplete" if received else "silent"
            chunk = self._receive(min(left_s, _LOOK_UP_EVERY_S))
            if chunk == b"":
                return "closed"
            received += chunk or b""
            self._status = answer_status(received) or self._status
        return "answered"

    def _receive(self, wait_s: float) -> bytes | None:
        """Return some bytes, none at the end of the connection, None if none came in time."""
        self._connection.settimeout(max(wait_s, 0.001))
        try:
            chunk = self._connection.recv(_READ_BYTES)
        except TimeoutError:
            return None
        self._total += len(chunk)
        if chunk and self._first_byte_s is None:
            self._first_byte_s = time.monotonic() - self._sent_at
        return chunk


def answer_status(received: bytes) -> int | None:
    """Return the status of an HTTP answer as far as received, or None while its first line is not there."""
    line, end, _ = received.partition(b"\r\n")
    words = line.split(None, 2)
    return int(words[1]) if end and len(words) > 1 and words[1].isdigit() else None


def answer_bytes(received: bytes) -> int | None:
    """Return how long the whole answer is, or None as long as that cannot be told.

    An answer without a length is over when the connection is, so it is never called whole here.
    """
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        return None
    _, _, lines = head.partition(b"\r\n")
    fields = http.client.parse_headers(io.BytesIO(lines + b"\r\n\r\n"))
    if answer_status(received) in (204, 304):
        return len(head) + len(end)
    if "chunked" in (fields.get("Transfer-Encoding") or "").lower():
        return len(received) if body.endswith(b"0\r\n\r\n") else None
    length = fields.get("Content-Length") or ""
    return len(head) + len(end) + int(length) if length.isdigit() else None
