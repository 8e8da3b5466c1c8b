"""The description of a running stack: what ``zepguard up --json`` prints and ``--stack FILE`` reads."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from chatapp.tokens import issue_jwt
from zepguard.stack.env_file import read_env_file
from zepguard.stack.errors import StackInfoError

__all__ = ["TOKEN_TTL_S", "StackInfo"]

TOKEN_TTL_S = 24 * 3600.0
_REMEDY = "give the line that `zepguard up --json` printed"


@dataclass(frozen=True, kw_only=True)
class StackInfo:
    """Where a stack is and how to act on it. Keys stay out of its repr, so also out of logs and reports.

    ``redis_url`` is the guard's store itself, ``redis_via_proxy_url`` the same behind the Toxiproxy proxy that
    ``store_proxy`` names: what the programs use.

    ``chat_url`` and ``metrics_url`` are full endpoint URLs, ``fakezep_admin_url`` ends in ``/admin``, the other
    URLs are roots. ``manage`` and ``supervisorctl`` are argv lists to append to.
    """

    chat_url: str
    metrics_url: str
    health_url: str
    fakezep_url: str
    fakezep_admin_url: str
    fakezep_admin_key: str = field(repr=False)
    zep_via_proxy_url: str
    zep_api_key: str = field(repr=False)
    toxiproxy_url: str
    redis_url: str
    redis_via_proxy_url: str
    store_proxy: str
    broker_url: str
    namespace: str
    jwt: str = field(repr=False)
    manage: tuple[str, ...]
    supervisorctl: tuple[str, ...]
    env_file: str
    log_file: str
    run_dir: str
    time_scale: float

    def to_json(self) -> str:
        """Return one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> StackInfo:
        """Read ``to_json``'s line; raises StackInfoError that names what is missing or of the wrong kind."""
        try:
            told = json.loads(text)
        except ValueError as error:
            raise StackInfoError(f"This is no JSON ({error}): {_REMEDY}.") from error
        if not isinstance(told, dict):
            raise StackInfoError(f"This is no JSON object: {_REMEDY}.")
        missing = [one.name for one in fields(cls) if one.name not in told]
        if missing:
            raise StackInfoError(f"This description of a stack has no {', '.join(missing)}: {_REMEDY}.")
        # What a later version has added is no error.
        return cls(**{one.name: _checked(one.name, str(one.type), told[one.name]) for one in fields(cls)})

    @classmethod
    def from_file(cls, path: str | Path) -> StackInfo:
        """Read a description from a file; raises StackInfoError."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except OSError as error:
            raise StackInfoError(
                f"The stack file {path} cannot be read ({error.strerror}): write one with "
                f"`zepguard up --json > {path}`."
            ) from error
        except UnicodeDecodeError as error:
            raise StackInfoError(f"The stack file {path} is no text: {_REMEDY}.") from error
        try:
            return cls.from_json(text)
        except StackInfoError as error:
            raise StackInfoError(f"{path}: {error}") from error

    @property
    def jwt_secret(self) -> str:
        """What the chat app checks tokens with, from the env file; raises EnvFileError."""
        return read_env_file(self.env_file).get("CHATAPP_JWT_SECRET", "")

    def jwt_for(self, user_id: str) -> str:
        """Return a token for another user, good for 24 hours."""
        return issue_jwt(self.jwt_secret, user_id, TOKEN_TTL_S)


def _checked(name: str, kind: str, value: Any) -> Any:
    """Return the value as its field's kind; ``kind`` is the annotation's text."""
    if kind == "str" and isinstance(value, str):
        return value
    if kind == "float" and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind.startswith("tuple") and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    wanted = {"str": "a text", "float": "a number"}.get(kind, "a list of texts")
    raise StackInfoError(f"{name} is {value!r}, not {wanted}: {_REMEDY}.")
