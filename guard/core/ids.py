"""Ids that may stand in a Zep path."""

from __future__ import annotations

from functools import lru_cache

from guard.errors import UnsafeId

__all__ = ["ID_CHARACTERS_MAX", "check_id"]

ID_CHARACTERS_MAX = 200
_UNSAFE = frozenset("/?#%\\")


def check_id(kind: str, value: str) -> str:
    """Return ``value`` if the SDK can put it into a path and still ask for that thing.

    The SDK writes ids into the path unescaped: an id with ``/``, ``?`` or ``#``, or the id ``..``, asks for another
    path, and could delete another user (contract, section 2). ``%`` could carry any of them encoded.

    Args:
        kind: what the id is of, for the message (``"thread"``).
        value: the id.

    Raises:
        UnsafeId: naming the id and what is wrong with it.
    """
    try:
        return _checked(kind, value)
    except TypeError:  # of what cannot be looked up, as a list; a check of each call's ids would cost more
        raise _no_text(kind, value) from None


def _no_text(kind: str, value: object) -> UnsafeId:
    return UnsafeId(f"{kind} id {value!r} is refused: it is of type {type(value).__name__}; give it as a str")


@lru_cache(maxsize=2048)
def _checked(kind: str, value: str) -> str:
    if not isinstance(value, str):
        raise _no_text(kind, value)
    if not value or len(value) > ID_CHARACTERS_MAX:
        raise UnsafeId(f"{kind} id of {len(value)} characters is refused: use 1 to {ID_CHARACTERS_MAX}")
    if ".." in value or value == ".":
        raise UnsafeId(f"{kind} id {value!r} is refused: '.' and '..' walk the path; use another id")
    bad = sorted({c for c in value if c in _UNSAFE or not c.isprintable()})
    if bad:
        raise UnsafeId(f"{kind} id {value!r} is refused: {bad[0]!r} would ask Zep for another path; use another id")
    return value
