"""Takes secrets out of text that is shown: known ones by value, others by the look of their name."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["MASK", "Mask", "is_secret_name"]

MASK = "***"
_SHORTEST = 4  # masking "1" would spoil every number and hide nothing

_NAME = r"[\w-]*(?:key|token|secret|passw(?:or)?d|authorization)[\w-]*"
_ASSIGNED = re.compile(rf"(?i)\b({_NAME}\s*[=:]\s*(?:bearer\s+|api-key\s+)?)([^\s'\"]+)")
_OPTION = re.compile(rf"(?i)(--?{_NAME}\s+)([^\s'\"-][^\s'\"]*)")
_URL = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://[^\s/@:]*:)([^\s/@]+)(?=@)")
_SECRET_NAME = re.compile(_NAME, re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Whether a variable of this name holds a secret, by its looks."""
    return _SECRET_NAME.fullmatch(name) is not None


class Mask:
    """Knows secrets, and learns more on the way.

    Args:
        secrets: those that are known from the start.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: set[str] = set()
        for secret in secrets:
            self.learn(secret)

    def learn(self, secret: str) -> None:
        """Mask this text from now on."""
        if len(secret) >= _SHORTEST:
            self._secrets.add(secret)

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, MASK)
        for pattern in (_ASSIGNED, _OPTION, _URL):
            text = pattern.sub(rf"\g<1>{MASK}", text)
        return text
