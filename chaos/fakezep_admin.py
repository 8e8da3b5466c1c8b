"""The one way to the fake Zep's controls: keys, latency, faults, journal, store, reset.

It knows the protocol only; nothing of the package that serves it is imported.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote

import httpx

from chaos.errors import AdminKeyRefused, AdminRequestRefused, FakeZepUnreachable
from chaos.settings import require_number
from chaos.target import require_http_url

FaultKind = Literal[
    "status",
    "refuse_before_write",
    "lose_answer",
    "answer_late",
    "apply_late",
    "drip",
    "half_body",
    "empty_context",
]


@dataclass(frozen=True, kw_only=True)
class FaultSpec:
    """A fault as asked for. None, and no ``routes``, leaves a field out: fakezep's default, or any request.

    ``count`` requests are hit, then it ends (None: until removed); ``share`` is the part of the matching
    requests that it hits; ``content`` selects writes of a message that has this text. Times are in seconds.
    """

    kind: FaultKind
    count: int | None = None
    share: float = 1.0
    routes: tuple[str, ...] = ()
    method: str | None = None
    status: int | None = None
    retry_after_s: float | None = None
    retry_after_date: bool | None = None
    body: object = None
    content_type: str | None = None
    delay_s: float | None = None
    interval_s: float | None = None
    user_id: str | None = None
    thread_id: str | None = None
    content: str | None = None

    def wire(self) -> dict[str, object]:
        """Return what is sent: the fields that are given."""
        fields: dict[str, object] = {
            "kind": self.kind,
            "count": self.count,
            "share": self.share,
            "route": list(self.routes) or None,
            "method": self.method,
            "status": self.status,
            "retry_after_s": self.retry_after_s,
            "retry_after_date": self.retry_after_date,
            "body": self.body,
            "content_type": self.content_type,
            "delay_s": self.delay_s,
            "interval_s": self.interval_s,
            "user_id": self.user_id,
            "thread_id": self.thread_id,
            "content": self.content,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def is_told_by(self, told: Mapping[str, Any]) -> bool:
        """Tell whether a fault in fakezep's list is one that was asked for like this."""
        wire = self.wire()
        # A list of one route comes back as that route.
        if len(self.routes) == 1:
            wire["route"] = self.routes[0]
        return all(told.get(name) == value for name, value in wire.items())


@dataclass(frozen=True, kw_only=True)
class ActiveFault:
    """A fault in force: ``remaining`` hits (None: no end), ``hits`` so far, and all that was ``told``."""

    id: str
    kind: str
    remaining: int | None
    hits: int
    told: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class SentMessage:
    """A message of a write, without its content; ``uuid`` is None if it was not stored."""

    role: str | None
    metadata: Mapping[str, Any] | None
    uuid: str | None


@dataclass(frozen=True, kw_only=True)
class JournalEntry:
    """One request that reached fakezep.

    ``at`` is a unix time in seconds. ``status`` is None when no answer was sent. ``applied``: a write was
    done. ``fault`` is the kind of fault that hit.
    """

    seq: int
    at: float
    method: str
    path: str
    route: str | None
    status: int | None
    applied: bool
    fault: str | None
    user_id: str | None
    thread_id: str | None
    key_ok: bool
    messages: tuple[SentMessage, ...]
    duration_s: float


@dataclass(frozen=True, kw_only=True)
class Journal:
    """The entries after the number asked for, oldest first, and the number of the ``last`` one ever."""

    entries: tuple[JournalEntry, ...]
    last: int


class FakeZepAdmin:
    """The controls of one fake Zep. A context manager; ``close`` gives its connections back."""

    def __init__(self, url: str, key: str, *, timeout_s: float = 2.0) -> None:
        """``url``: such as http://127.0.0.1:8000/admin (``/admin`` is added if missing)."""
        require_http_url("fakezep_admin_url", url)
        require_number("timeout_s", timeout_s, low=0.01, high=60)
        base = url.rstrip("/")
        self.url = base if base.endswith("/admin") else f"{base}/admin"
        self._timeout_s = timeout_s
        # trust_env: a proxy set for the internet must not see these calls.
        self._http = httpx.Client(timeout=timeout_s, headers={"X-Admin-Key": key}, trust_env=False)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Give the connections back. Safe twice."""
        self._http.close()

    def health(self) -> None:
        """Return if fakezep is up; raises FakeZepUnreachable or AdminRequestRefused."""
        self._call("GET", "/health")

    # --- keys and latency ---

    def keys(self) -> tuple[str, ...]:
        """Return the API keys that fakezep accepts."""
        return tuple(self._call("GET", "/keys")["accepted"])

    def put_keys(self, accepted: Sequence[str]) -> None:
        """Accept these API keys only; none locks everybody out."""
        self._call("PUT", "/keys", {"accepted": list(accepted)})

    def latency(self) -> Mapping[str, Any]:
        """Return the latency in force, as fakezep tells it."""
        return self._call("GET", "/latency")

    def put_latency(self, seconds: float, *, jitter_s: float = 0.0, route: str | None = None) -> None:
        """Answer ``route`` (None: those without their own) after ``seconds``, plus or minus ``jitter_s``."""
        self._call("PUT", "/latency", {"seconds": seconds, "jitter_s": jitter_s, "route": route})

    def clear_latency(self) -> None:
        """Answer at once again."""
        self._call("DELETE", "/latency")

    # --- faults ---

    def add_fault(self, fault: FaultSpec) -> str:
        """Put a fault in force and return its id."""
        return str(self._call("POST", "/faults", fault.wire())["id"])

    def faults(self) -> tuple[ActiveFault, ...]:
        """Return the faults in force, oldest first."""
        return tuple(
            ActiveFault(id=told["id"], kind=told["kind"], remaining=told["remaining"], hits=told["hits"], told=told)
            for told in self._call("GET", "/faults")["faults"]
        )

    def remove_fault(self, fault_id: str) -> bool:
        """End a fault; False if it had ended before, or was never there."""
        try:
            return bool(self._call("DELETE", f"/faults/{quote(fault_id, safe='')}").get("removed", True))
        except _NotThere:
            return False

    def clear_faults(self) -> None:
        """End all faults."""
        self._call("DELETE", "/faults")

    # --- what happened ---

    def journal(self, since: int = 0) -> Journal:
        """Return the entries with a number above ``since``."""
        told = self._call("GET", f"/journal?since={since:d}")
        return Journal(entries=tuple(_entry(one) for one in told["entries"]), last=told["last"])

    def store(self) -> Mapping[str, Any]:
        """Return all that is stored: users, threads, and messages by thread."""
        return self._call("GET", "/store")

    def stored_messages(self, thread_id: str) -> tuple[Mapping[str, Any], ...]:
        """Return the messages of a thread; none if there is no such thread."""
        try:
            return tuple(self._call("GET", f"/store/{quote(thread_id, safe='')}")["messages"])
        except _NotThere:
            return ()

    def reset(self, *, keep_data: bool = False) -> None:
        """Go back to the start: faults, latency, keys, journal and, unless kept, the data."""
        self._call("POST", "/reset", {"keep_data": keep_data})

    # --- one request ---

    def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        try:
            response = self._http.request(method, self.url + path, json=body)
        except httpx.TransportError as error:
            raise FakeZepUnreachable(
                f"The fake Zep's controls do not answer at {self.url} within {self._timeout_s:g} s "
                f"({type(error).__name__}): start it, or correct the address."
            ) from error
        if response.status_code == 403:
            raise AdminKeyRefused(
                f"The fake Zep at {self.url} refuses this admin key: give the one it was started with."
            )
        if not response.is_success:
            kind = _NotThere if response.status_code == 404 else AdminRequestRefused
            raise kind(
                f"The fake Zep at {self.url} answered {method} {path} with {response.status_code}: "
                f"{response.text[:300]}"
            )
        return _object(response)


class _NotThere(AdminRequestRefused):
    """A thing that is not there: an answer to some questions, an error for the others."""


def _object(response: httpx.Response) -> dict[str, Any]:
    try:
        told = response.json()
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise AdminRequestRefused(f"What answers at {response.url} is no fake Zep: correct the address.")
    return told


def _entry(told: Mapping[str, Any]) -> JournalEntry:
    return JournalEntry(
        seq=told["seq"],
        at=told["at"],
        method=told["method"],
        path=told["path"],
        route=told["route"],
        status=told["status"],
        applied=told["applied"],
        fault=told["fault"],
        user_id=told["user_id"],
        thread_id=told["thread_id"],
        key_ok=told["key_ok"],
        messages=tuple(
            SentMessage(role=one["role"], metadata=one["metadata"], uuid=one["uuid"]) for one in told["messages"]
        ),
        duration_s=told["duration_s"],
    )
