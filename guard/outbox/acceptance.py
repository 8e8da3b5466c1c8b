"""What becomes of a message before its row is written: checked, without personal data, in parts that Zep takes.

Pure but for ``count_redactions``. The order matters: an address cut in two by a split would not be found any more.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from guard.core.characters import REPLACEMENT, whole_characters
from guard.core.ids import check_id
from guard.core.settings import VARIABLES, Settings
from guard.errors import MessageRefused
from guard.pii import Finding, redact

__all__ = ["CHARACTERS_MAX", "ROLES", "Acceptance", "Prepared", "count_redactions", "prepare", "split"]

CHARACTERS_MAX = 4096
"""In one message of a thread (contract, section 5)."""

ROLES = frozenset({"norole", "system", "assistant", "user", "function", "tool"})
"""Of a message (contract, section 8)."""

_BOUNDARIES = ("\n\n", "\n", ". ", "! ", "? ", "; ", ", ", " ")
"""Where to split, best first: the text goes on behind it."""
_SHORTEST_SHARE = 2
"""A boundary in the first half of what fits is too early to be worth it."""
_JOINED_MAX = 32
"""How far a cut moves back so as not to part a letter from its accents, or an emoji from its parts."""
_ZERO_WIDTH_JOINER = "\u200d"


@dataclass(frozen=True, kw_only=True, slots=True)
class Acceptance:
    """How messages are taken into the outbox.

    Attributes:
        regions: whose phone numbers are known without ``+`` (``ZEPGUARD_PII_REGIONS``).
        long: ``split`` or ``refuse`` what is over 4,096 characters (``ZEPGUARD_OUTBOX_LONG``).
    """

    regions: tuple[str, ...]
    long: str

    @classmethod
    def of(cls, settings: Settings) -> Acceptance:
        """Take it from the settings of a service."""
        return cls(regions=settings.pii_regions, long=settings.outbox_long)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Acceptance:
        """Read the two variables, and no other: a program that only accepts messages needs no key.

        Raises:
            SettingsError: naming the variable, its value and the remedy.
        """
        return _parsed(*(environ.get(v.name, v.default) for v in (_REGIONS, _LONG)))


_REGIONS, _LONG = (next(v for v in VARIABLES if v.field == field) for field in ("pii_regions", "outbox_long"))


@lru_cache(maxsize=8)
def _parsed(regions: str, long: str) -> Acceptance:
    """For one message the two values are as those of the last, as a rule."""
    return Acceptance(regions=_REGIONS.parse(_REGIONS, regions), long=_LONG.parse(_LONG, long))  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """The contents of the rows to write, in order, and what was redacted in the text."""

    contents: tuple[str, ...]
    findings: tuple[Finding, ...]


def prepare(*, user_id: str, thread_id: str, role: str, content: str, rules: Acceptance) -> Prepared:
    """Check a message and make the contents of its rows.

    Args:
        user_id: whose message it is.
        thread_id: where it belongs.
        role: whose words they are, as Zep names it.
        content: the text. What no database takes, a half of a character or NUL, is replaced by ``U+FFFD``.
        rules: how to take it.

    Raises:
        UnsafeId: an id that would ask Zep for another path.
        MessageRefused: an unknown role; no text; or, where ``rules`` refuse that, too many characters once redacted.
    """
    check_id("user", user_id)
    check_id("thread", thread_id)
    if role not in ROLES:
        raise MessageRefused(f"role {role!r} is refused: Zep knows {', '.join(sorted(ROLES))}")
    if not isinstance(content, str):
        raise MessageRefused(f"content of type {type(content).__name__} is refused: give it as a str")
    redaction = redact(whole_characters(content).replace("\0", REPLACEMENT), regions=rules.regions)
    if rules.long == "refuse" and len(redaction.text) > CHARACTERS_MAX:
        raise MessageRefused(
            f"message of {len(redaction.text)} characters is refused: Zep takes {CHARACTERS_MAX}; shorten it, "
            "or set ZEPGUARD_OUTBOX_LONG=split"
        )
    return Prepared(contents=tuple(split(redaction.text)), findings=redaction.findings)


def count_redactions(findings: Iterable[Finding]) -> None:
    """Count what was redacted, by kind."""
    from guard.metrics.instruments import PII_REDACTIONS

    for finding in findings:
        PII_REDACTIONS.labels(finding.kind.value).inc()


def split(text: str, most: int = CHARACTERS_MAX) -> Iterator[str]:
    """Cut a text into parts of at most ``most`` characters; joined, they are the text.

    At the last paragraph, line, sentence or word that ends in the second half of what fits, in this order; else in
    the middle of a word, but not between a letter and its accents.
    """
    start = 0
    while len(text) - start > most:
        end = _cut(text, start, start + most)
        yield text[start:end]
        start = end
    yield text[start:]


def _cut(text: str, start: int, limit: int) -> int:
    earliest = start + (limit - start) // _SHORTEST_SHARE
    for boundary in _BOUNDARIES:
        found = text.rfind(boundary, earliest, limit)
        if found >= 0:
            return found + len(boundary)
    return _between_letters(text, start, limit)


def _between_letters(text: str, start: int, limit: int) -> int:
    for cut in range(limit, max(start, limit - _JOINED_MAX), -1):
        if not (_joins(text[cut]) or text[cut - 1] == _ZERO_WIDTH_JOINER):
            return cut
    return limit


def _joins(character: str) -> bool:
    """Whether it belongs to the character before it: accents, variation selectors, skin tones, the joiner."""
    return (
        character == _ZERO_WIDTH_JOINER
        or unicodedata.category(character) in ("Mn", "Me", "Mc")
        or "\U0001f3fb" <= character <= "\U0001f3ff"
    )
