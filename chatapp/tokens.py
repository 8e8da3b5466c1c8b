"""JSON Web Tokens of the persons who chat: HS256, ``sub`` is the Zep user."""

from __future__ import annotations

import time

import jwt

from guard.core.ids import check_id
from guard.errors import UnsafeId

__all__ = ["BadToken", "issue_jwt", "subject_of"]

_ALGORITHM = "HS256"


class BadToken(Exception):
    """A token that proves nothing; the text says why and never holds the token."""


def issue_jwt(secret: str, sub: str, ttl_s: float) -> str:
    """Make a token for the user ``sub`` that lasts ``ttl_s`` seconds.

    Raises:
        UnsafeId: a user id that could not stand in a Zep path.
    """
    check_id("user", sub)
    now = int(time.time())
    return jwt.encode({"sub": sub, "iat": now, "exp": now + int(ttl_s)}, secret, algorithm=_ALGORITHM)


def subject_of(secret: str, token: str) -> str:
    """Whom the token speaks for.

    Raises:
        BadToken: forged, expired, malformed, without ``exp``, or for a user id that Zep could not be asked for.
    """
    try:
        claims = jwt.decode(token, secret, algorithms=[_ALGORITHM], options={"require": ["exp", "sub"]})
        return check_id("user", claims["sub"])
    except jwt.ExpiredSignatureError:
        raise BadToken("the token has expired") from None
    except UnsafeId:
        raise BadToken("the token's subject cannot be a user id") from None
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise BadToken("the token is not valid") from None
