"""What goes in and out of the core: a request, and the plan of how its answer is delivered.

Every type here is a frozen value. The core performs none of it: a shell turns the plan into behaviour, in
real time (the ASGI shell) or in virtual time (a mocked transport).
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

#: A value that ``json`` can write. Loose on purpose: requests are checked field by field where they are used.
Json = Any

JSON_TYPE = "application/json"
TEXT_TYPE = "text/plain; charset=utf-8"


class BadJson(ValueError):
    """The body is not JSON that a strict reader takes; the text says what is wrong and what to send."""


def decode_json(body: bytes) -> Json:
    """Read strict JSON from UTF-8 ``body``: NaN, Infinity and numbers beyond a float are refused.

    Raises `BadJson`.
    """
    try:
        return json.loads(body, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError) as error:
        raise BadJson(f"invalid JSON body: {error}; send one UTF-8 JSON object") from error


def encode_json(value: Json) -> bytes:
    """Write ``value`` as ASCII-only JSON bytes, so that any text survives, also lone surrogates."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a finite number")
    return number


@dataclass(frozen=True, kw_only=True, repr=False)
class Request:
    """One HTTP request as the server read it, body included.

    ``path`` is the raw path: still percent-encoded and without the query, so that an id may hold an encoded
    slash. ``query`` is the raw query string without the question mark. ``headers`` are matched in lower case.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __post_init__(self) -> None:
        object.__setattr__(self, "method", self.method.upper())
        object.__setattr__(self, "headers", {name.lower(): text for name, text in self.headers.items()})

    def __repr__(self) -> str:
        """Show no header and no body: both may hold secrets."""
        return f"Request({self.method} {self.path}, {len(self.body)} bytes)"

    @classmethod
    def to(cls, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes = b"") -> "Request":
        """Make a request from a whole ``url``, or from a path with an optional query."""
        parts = urlsplit(url)
        return cls(method=method, path=parts.path, query=parts.query, headers=headers or {}, body=body)

    @property
    def segments(self) -> tuple[str, ...]:
        """The decoded path segments: ``/a/b%20c/`` is ``("a", "b c")``."""
        return tuple(unquote(part) for part in self.path.strip("/").split("/"))

    @property
    def parameters(self) -> dict[str, str]:
        """The decoded query; of a name given twice the last one counts."""
        return dict(parse_qsl(self.query, keep_blank_values=True))


@dataclass(frozen=True, kw_only=True)
class Response:
    """An answer: ``status`` 200 to 599, header pairs without Content-Length (the shell adds it), body."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    @classmethod
    def json(cls, status: int, value: Json) -> "Response":
        """Answer ``value`` as JSON."""
        return cls(status=status, headers=(("content-type", JSON_TYPE),), body=encode_json(value))

    @classmethod
    def text(cls, status: int, text: str) -> "Response":
        """Answer plain text, as the vendor does for 401 and unknown paths (contract section 4)."""
        return cls(status=status, headers=(("content-type", TEXT_TYPE),), body=text.encode())

    def with_headers(self, *pairs: tuple[str, str]) -> "Response":
        """The same answer with more headers."""
        return Response(status=self.status, headers=self.headers + pairs, body=self.body)

    def header(self, name: str) -> str | None:
        """The first header of that name in any case, or None."""
        return next((text for key, text in self.headers if key.lower() == name.lower()), None)


class Delivery(StrEnum):
    """How the answer reaches the client once ``delay_s`` has passed."""

    SEND = "send"
    """The whole answer."""
    DROP = "drop"
    """Close the connection without a byte of answer."""
    DRIP = "drip"
    """Status and headers at once, then one byte of body each ``interval_s``."""
    HALF = "half"
    """Status and full Content-Length, half of the body, then close the connection."""
    LATER = "later"
    """Nothing is done yet: after ``delay_s`` call `FakeZep.resume` and deliver what it returns."""


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """What the server does with one request.

    ``seq`` is the number of its journal entry. ``response`` is None for DROP and LATER. Times are in seconds.
    """

    seq: int
    response: Response | None
    delivery: Delivery = Delivery.SEND
    delay_s: float = 0.0
    interval_s: float = 0.0
