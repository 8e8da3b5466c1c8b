"""One spelling for characters that look alike, with the way back to the original text.

Folded are: full-width, mathematical and circled forms to the ASCII character of their NFKC form (Unicode Standard
Annex 15), decimal digits of other scripts to 0 to 9, every space (category Zs) to a blank, dashes (Pd and the minus
sign) to ``-``, full stops of East Asian domains (RFC 3490, section 3.1) to ``.``. Left out are characters that are not
seen: category Cf, variation selectors, the keycap. All else stays, so that a text without these is not copied.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from typing import NamedTuple

__all__ = ["Folded", "fold"]

_UNSEEN = "\u2060"
_UNSEEN_RANGES = (
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x20E3, 0x20E3),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF9, 0xFFFB),
    (0xE0000, 0xE007F),
    (0xE0100, 0xE01EF),
)
_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_DASHES = "\u058a\u05be\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2e3a\u2e3b\ufe58\ufe63\uff0d"
_STOPS = "\u3002\uff0e\uff61\u2024\ufe52"
_LOOKALIKE_RANGES = (
    (0x2070, 0x209C),  # superscripts and subscripts
    (0x2460, 0x24FF),  # circled and parenthesised
    (0xFE50, 0xFE6B),  # small forms
    (0xFF01, 0xFF5E),  # full width
    (0x1D400, 0x1D7FF),  # mathematical
)
_DIGIT_ZEROS = (
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66,
    0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90,
    0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0x104A0,
    0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0,
    0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x16A60, 0x16AC0, 0x16B50, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0,
)  # fmt: skip


def _table() -> dict[int, str]:
    table: dict[int, str] = {}
    for first, last in _LOOKALIKE_RANGES:
        for point in range(first, last + 1):
            plain = unicodedata.normalize("NFKC", chr(point))
            if len(plain) == 1 and plain.isascii():
                table[point] = plain
    for zero in _DIGIT_ZEROS:
        table.update((zero + value, str(value)) for value in range(10))
    table.update((ord(c), " ") for c in _SPACES)
    table.update((ord(c), "-") for c in _DASHES)
    table.update((ord(c), ".") for c in _STOPS)
    for first, last in _UNSEEN_RANGES:
        table.update((point, _UNSEEN) for point in range(first, last + 1))
    return table


_FOLD = _table()
_SUSPECT = re.compile(
    "[^\x00-\x9f\u00a1-\u00ac\u00ae-\u034e\u0350-\u0589\u2016-\u2023\u2025-\u2027\U0001f000-\U0001fbef]"
)
"""Holds all that is folded, and is quick on Latin, Greek and Cyrillic letters, quotation marks and emoji."""


def _folded(suspect: re.Match[str]) -> str:
    c = suspect[0]
    return _FOLD.get(ord(c), c)


class Folded(NamedTuple):
    """A folded text; ``unseen`` holds where in the original a character was left out."""

    text: str
    unseen: tuple[int, ...] = ()

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Where ``text[start:end]`` stands in the original, with what is left out in it and right behind it."""
        return self._before(start), self._before(end)

    def _before(self, at: int) -> int:
        # The n-th left-out character stands before folded position at, if its own position less n is at most that.
        left_out = bisect_left(range(len(self.unseen)), True, key=lambda n: self.unseen[n] - n > at)
        return at + left_out


def fold(text: str) -> Folded:
    """Fold ``text``."""
    if text.isascii():
        return Folded(text)
    folded = _SUSPECT.sub(_folded, text)
    if _UNSEEN not in folded:
        return Folded(folded)
    unseen = tuple(at for at, c in enumerate(folded) if c == _UNSEEN)
    return Folded(folded.replace(_UNSEEN, ""), unseen)
