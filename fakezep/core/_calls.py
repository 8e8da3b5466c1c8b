"""A call to one operation, and the checks on what the client sent.

Errors:

    Refusal            the client's fault; nothing was stored; becomes the answer
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from fakezep.core._settings import Settings
from fakezep.core._store import Store, Thread, User
from fakezep.core._wire import Json, Response

ROLES = ("norole", "system", "assistant", "user", "function", "tool")


class Refusal(Exception):
    """The server refuses a call: ``status`` and the text of the ``{"message": ...}`` answer.

    An operation raises it before it has changed anything (contract section 5: a refused call stores nothing).
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def response(self) -> Response:
        """The answer in the vendor's error shape (contract section 4)."""
        return Response.json(self.status, {"message": self.message})


def not_found() -> Refusal:
    """404 for a thing that is not there (contract section 4)."""
    return Refusal(404, "not found")


@dataclass(frozen=True, kw_only=True)
class World:
    """What operations work on: the data, the settings, and the maker of uuids."""

    store: Store
    settings: Settings
    new_uuid: Callable[[], str]

    def user(self, user_id: str) -> User:
        """The user of that id, or a 404 Refusal."""
        if user_id not in self.store.users:
            raise not_found()
        return self.store.users[user_id]

    def thread(self, thread_id: str) -> Thread:
        """The thread of that id, or a 404 Refusal."""
        if thread_id not in self.store.threads:
            raise not_found()
        return self.store.threads[thread_id]


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call: ids out of the path, decoded query, decoded JSON body (None if empty), unix seconds."""

    ids: Mapping[str, str]
    now: float
    query: Mapping[str, str] = field(default_factory=dict)
    body: Json = None

    def fields(self) -> Mapping[str, Json]:
        """The body as an object."""
        if not isinstance(self.body, dict):
            raise Refusal(400, "the body is not a JSON object; send one")
        return self.body

    def whole(self, name: str, default: int) -> int:
        """A whole number of at least 0 from the query; absent or empty gives the default."""
        text = self.query.get(name, "")
        if not text:
            return default
        if not (text.isascii() and text.isdigit() and len(text) <= 9):
            raise Refusal(400, f"{name} is {text!r}; give a whole number of at least 0")
        return int(text)

    def flag(self, name: str, default: bool) -> bool:
        """true or false from the query."""
        text = self.query.get(name, "").lower()
        if text not in ("", "true", "false"):
            raise Refusal(400, f"{name} is {text!r}; give true or false")
        return default if not text else text == "true"


def required_text(fields: Mapping[str, Json], name: str) -> str:
    """A string that must be there and not empty."""
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise Refusal(400, f"{name} is required; give a string that is not empty")
    return value


def optional_text(fields: Mapping[str, Json], name: str) -> str | None:
    """A string, or None when absent or null."""
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise Refusal(400, f"{name} is not a string")
    return value


def optional_flag(fields: Mapping[str, Json], name: str) -> bool:
    """A boolean, False when absent or null."""
    value = fields.get(name)
    if not isinstance(value, bool | None):
        raise Refusal(400, f"{name} is not true or false")
    return bool(value)


def role_list(fields: Mapping[str, Json], name: str) -> frozenset[str]:
    """A list of roles, empty when absent or null."""
    value = fields.get(name)
    if value is None:
        return frozenset()
    if not isinstance(value, list) or not all(role in ROLES for role in value):
        raise Refusal(400, f"{name} is not a list of roles; roles are {', '.join(ROLES)}")
    return frozenset(value)


def moment(fields: Mapping[str, Json], name: str, default: float) -> float:
    """Unix seconds from an RFC 3339 text; without an offset it is UTC."""
    text = optional_text(fields, name)
    if text is None:
        return default
    try:
        at = datetime.fromisoformat(text)
        seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise Refusal(400, f"{name} is {text[:40]!r}; give an RFC 3339 date") from error
    if not 0 <= seconds <= _MOMENT_MAX:
        raise Refusal(400, f"{name} is {text[:40]!r}; give a date from 1970 to 9999")
    return seconds


_MOMENT_MAX = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


def message_metadata(fields: Mapping[str, Json], keys_max: int) -> Mapping[str, Json] | None:
    """A message's metadata: scalars and arrays of scalars, at most ``keys_max`` keys (contract section 5)."""
    value = fields.get("metadata")
    if value is None:
        return None
    if not isinstance(value, dict):
        raise Refusal(400, "metadata is not an object")
    if len(value) > keys_max:
        raise Refusal(400, f"metadata has {len(value)} keys; at most {keys_max} are allowed")
    for key, item in value.items():
        parts = item if isinstance(item, list) else [item]
        if not all(isinstance(part, str | bool | int | float) for part in parts):
            raise Refusal(400, f"metadata[{key!r}] must be a string, number, boolean or an array of those")
    return value


def finite(value: Json) -> bool:
    """Whether a JSON value is a finite number and no boolean."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
