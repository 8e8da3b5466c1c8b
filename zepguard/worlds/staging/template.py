"""A command with placeholders: an argv, never a shell's line."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["CommandTemplate"]

_PLACEHOLDER = re.compile(r"\{(\w+)(:q)?\}")


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandTemplate:
    """What a key of the config runs.

    ``{args}`` as a word of its own becomes one word an argument; inside a word it becomes all of them, quoted for a
    shell. ``{value}`` inside a word is put there as it is, ``{value:q}`` quoted for a shell, as ``ssh`` needs it.
    Braces around anything else are left alone.
    """

    key: str
    words: tuple[str, ...]

    def has(self, name: str) -> bool:
        """Whether it has this placeholder."""
        return any(found[1] == name for word in self.words for found in _PLACEHOLDER.finditer(word))

    def argv(self, values: Mapping[str, str], args: Sequence[str] = ()) -> list[str]:
        """The argv, each placeholder replaced."""
        filled = {**values, "args": shlex.join(args)}
        argv: list[str] = []
        for word in self.words:
            argv += args if word == "{args}" else [_filled(word, filled)]
        return argv


def _filled(word: str, values: Mapping[str, str]) -> str:
    def one(found: re.Match[str]) -> str:
        if found[1] not in values:
            return found[0]
        value = values[found[1]]
        return shlex.quote(value) if found[2] and found[1] != "args" else value

    return _PLACEHOLDER.sub(one, word)
