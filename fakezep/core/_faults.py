"""Faults: what goes wrong, for which requests, and how often (contract section 10)."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from enum import StrEnum
from http import HTTPStatus

from fakezep.core._wire import JSON_TYPE, TEXT_TYPE, Json, Response, encode_json

WAIT_S_MAX = 3600.0
_METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")
_BODILESS = (204, 304)


class Kind(StrEnum):
    """What a fault does to a request."""

    STATUS = "status"
    """Answer ``status`` instead of doing anything."""
    REFUSE_BEFORE_WRITE = "refuse_before_write"
    """Close the connection at once; nothing is done."""
    LOSE_ANSWER = "lose_answer"
    """Do it, then close the connection without an answer."""
    ANSWER_LATE = "answer_late"
    """Do it at once, answer ``delay_s`` later."""
    APPLY_LATE = "apply_late"
    """Wait ``delay_s``, then do it and answer; it is done even if the client has gone."""
    DRIP = "drip"
    """Do it; headers at once, then a byte of body each ``interval_s``."""
    HALF_BODY = "half_body"
    """Do it; announce the whole body, send half of it, close."""
    EMPTY_CONTEXT = "empty_context"
    """Context reads answer an empty context; other requests are not touched."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault and the requests it hits. None in a selector means any.

    ``count`` is how many requests it hits before it ends (None: until removed), ``share`` the part of the
    matching requests that it hits, above 0 up to 1. ``content`` selects writes with a message that has this text.
    ``body`` text is sent as it is, anything else as JSON. ``retry_after_date`` sends ``Retry-After`` as a date.
    Raises ValueError, naming the field and the remedy.
    """

    kind: Kind
    count: int | None = None
    share: float = 1.0
    routes: tuple[str, ...] | None = None
    method: str | None = None
    status: int = 503
    retry_after_s: float | None = None
    retry_after_date: bool = False
    body: Json = None
    content_type: str | None = None
    delay_s: float = 5.0
    interval_s: float = 1.0
    user_id: str | None = None
    thread_id: str | None = None
    content: str | None = None

    def __post_init__(self) -> None:
        checks = {
            "count": (self.count is None or self.count >= 1, "1 or more, or null for no end"),
            "share": (0 < self.share <= 1, "a number above 0, at most 1"),
            "routes": (self.routes is None or bool(self.routes), "a route name, a list of them, or null"),
            "method": (
                self.method is None or self.method in _METHODS,
                f"one of {', '.join(_METHODS)}, or null",
            ),
            "status": (200 <= self.status <= 599, "200 to 599"),
            "retry_after_s": (self.retry_after_s is None or 0 <= self.retry_after_s <= WAIT_S_MAX, _WAIT),
            "delay_s": (0 <= self.delay_s <= WAIT_S_MAX, _WAIT),
            "interval_s": (0 <= self.interval_s <= WAIT_S_MAX, _WAIT),
            "content_type": (_is_header(self.content_type), "a media type in ASCII, or null"),
        }
        for name, (good, remedy) in checks.items():
            if not good:
                raise ValueError(f"{name} is {getattr(self, name)!r}; give {remedy}")

    def hits(
        self,
        *,
        route: str | None,
        method: str,
        user_id: str | None,
        thread_id: str | None,
        contents: Sequence[str] = (),
    ) -> bool:
        """Whether a request with these marks is one that the fault is for."""
        if self.kind is Kind.EMPTY_CONTEXT and route != "context":
            return False
        return (
            (self.routes is None or route in self.routes)
            and self.method in (None, method)
            and self.user_id in (None, user_id)
            and self.thread_id in (None, thread_id)
            and (self.content is None or any(self.content in one for one in contents))
        )

    def response(self, now: float) -> Response:
        """The answer of a ``status`` fault at ``now``. With no body given: the vendor's text for 401, else JSON."""
        body, content_type = self._body()
        headers = [("content-type", self.content_type or content_type)]
        if self.retry_after_s is not None:
            date = formatdate(now + self.retry_after_s, usegmt=True)
            headers.append(("Retry-After", date if self.retry_after_date else f"{self.retry_after_s:g}"))
        return Response(status=self.status, headers=tuple(headers), body=body)

    def _body(self) -> tuple[bytes, str]:
        if self.status in _BODILESS:
            return b"", TEXT_TYPE
        if isinstance(self.body, str):
            return self.body.encode("utf-8", "replace"), TEXT_TYPE
        if self.body is not None:
            return encode_json(self.body), JSON_TYPE
        if self.status == HTTPStatus.UNAUTHORIZED:
            return b"unauthorized", TEXT_TYPE
        return encode_json({"message": _phrase(self.status)}), JSON_TYPE


_WAIT = f"0 to {WAIT_S_MAX:.0f} seconds"


def _is_header(text: str | None) -> bool:
    return text is None or (bool(text.strip()) and text.isascii() and text.isprintable())


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase.lower()
    except ValueError:
        return "no phrase"


@dataclass
class ActiveFault:
    """A fault in force: ``remaining`` hits before it ends (None: no end), and the ``hits`` so far."""

    fault_id: str
    fault: Fault
    remaining: int | None
    hits: int = field(default=0)


class FaultPlan:
    """The faults in force, oldest first. Of those for a request, the first that wins its share hits it."""

    def __init__(self) -> None:
        self._active: dict[str, ActiveFault] = {}
        self._made = 0

    def add(self, fault: Fault) -> ActiveFault:
        """Put a fault in force."""
        self._made += 1
        active = ActiveFault(f"f{self._made}", fault, fault.count)
        self._active[active.fault_id] = active
        return active

    def active(self) -> list[ActiveFault]:
        """The faults in force, oldest first; one that has hit its count is gone."""
        return list(self._active.values())

    def remove(self, fault_id: str) -> bool:
        """End a fault; False when it had ended before. Raises KeyError for an id that was never given."""
        number = fault_id.removeprefix("f")
        if not (number.isdecimal() and 1 <= int(number) <= self._made and fault_id == f"f{int(number)}"):
            raise KeyError(fault_id)
        return self._active.pop(fault_id, None) is not None

    def clear(self) -> int:
        """End all faults, and say how many there were."""
        count = len(self._active)
        self._active.clear()
        return count

    def pick(
        self,
        rng: random.Random,
        *,
        route: str | None,
        method: str,
        user_id: str | None,
        thread_id: str | None,
        contents: Sequence[str] = (),
    ) -> Fault | None:
        """The fault that hits this request, counted, or None."""
        for active in self.active():
            fault = active.fault
            if not fault.hits(route=route, method=method, user_id=user_id, thread_id=thread_id, contents=contents):
                continue
            if fault.share < 1 and rng.random() >= fault.share:
                continue
            self._count(active)
            return fault
        return None

    def _count(self, active: ActiveFault) -> None:
        active.hits += 1
        if active.remaining is not None:
            active.remaining -= 1
            if active.remaining == 0:
                del self._active[active.fault_id]
