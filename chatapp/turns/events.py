"""What is said about a turn while it is answered, and how it travels."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

__all__ = [
    "Done",
    "Event",
    "Failed",
    "Final",
    "MemoryNote",
    "NotYours",
    "Reset",
    "Started",
    "Token",
    "Unavailable",
    "decode",
    "encode",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryNote:
    """What memory did for a reply: effective mode, status and detail of the read, and whether it was used."""

    mode: str
    status: str
    detail: str
    used: bool


@dataclass(frozen=True, slots=True)
class Started:
    """The attempt holds the turn, and the person's message is committed."""


@dataclass(frozen=True, slots=True)
class Token:
    """The next piece of the reply."""

    text: str = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """The reply is committed. ``apology``: it is one, the agent failed."""

    reply: str = field(repr=False)
    memory: MemoryNote
    apology: bool = False


@dataclass(frozen=True, slots=True)
class NotYours:
    """The thread belongs to somebody else."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt met an error that another attempt would meet too."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Forget the tokens so far: another attempt words the reply anew. Said by the web only."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """No answer can be had now. Said by the web only."""

    why: str


Said = Started | Token | Done | NotYours | Failed
"""By a worker."""

Final = Done | NotYours | Failed | Unavailable
"""Nothing follows these."""

Event = Said | Reset | Unavailable

_KINDS: dict[str, type[Started] | type[NotYours] | type[Failed]] = {
    "started": Started,
    "not_yours": NotYours,
    "failed": Failed,
}


def encode(event: Said) -> bytes:
    """Write an event for the mailbox."""
    match event:
        case Token(text):
            fields: dict[str, object] = {"kind": "token", "text": text}
        case Done():
            fields = {"kind": "done", **asdict(event)}
        case _:
            fields = {"kind": next(kind for kind, made in _KINDS.items() if isinstance(event, made))}
    return json.dumps(fields).encode()


def decode(raw: bytes) -> Said:
    """Read an event that ``encode`` wrote."""
    fields = json.loads(raw)
    kind = fields.pop("kind")
    if kind == "token":
        return Token(fields["text"])
    if kind == "done":
        return Done(reply=fields["reply"], memory=MemoryNote(**fields["memory"]), apology=fields["apology"])
    return _KINDS[kind]()
