"""What was found in a text, and the text without it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from heapq import merge
from operator import itemgetter
from typing import NamedTuple

from guard.pii._address import find_addresses
from guard.pii._normal import fold
from guard.pii._phone import DEFAULT_REGIONS, check_regions, find_phones

__all__ = ["Finding", "Kind", "Redaction", "redact"]


class Kind(StrEnum):
    """What kind of personal data a finding is; the value labels ``memory_pii_redactions_total``."""

    EMAIL = "email"
    PHONE = "phone"


class Finding(NamedTuple):
    """A piece of personal data: ``original[start:end]``."""

    kind: Kind
    start: int
    end: int


class Redaction(NamedTuple):
    """A text with its findings replaced; ``findings`` count in the original, in order, without overlap."""

    text: str
    findings: tuple[Finding, ...]


_EMAIL, _PHONE = Kind
_START = itemgetter(1)
_TOKEN = re.compile(r"\[(?:EMAIL|PHONE)\]")


def redact(text: str, *, regions: tuple[str, ...] = DEFAULT_REGIONS) -> Redaction:
    """Replace each e-mail address in ``text`` by ``[EMAIL]`` and each phone number by ``[PHONE]``.

    Takes any text and time in proportion to it. A redacted text stays as it is when redacted again: addresses are
    found first, and both they and placeholders are walls that no number and no context word is read across, so that
    the second time sees what the first one saw.

    Args:
        text: what somebody wrote.
        regions: whose numbers are known without ``+`` before them, as ISO 3166 codes; earlier ones go first.

    Raises:
        UnknownRegion: for a code without a numbering plan; never for a text.
    """
    if regions is not DEFAULT_REGIONS:
        check_regions(regions)
    folded = fold(text)
    addresses = find_addresses(folded.text)
    phones = find_phones(folded.text, _walls(folded.text, addresses), regions)
    if not addresses and not phones:
        return Redaction(text, ())
    spans = [(_EMAIL, addresses), (_PHONE, phones)]
    if folded.unseen:
        spans = [(kind, [folded.origin(start, end) for start, end in found]) for kind, found in spans]
    findings = [Finding(kind, start, end) for kind, found in spans for start, end in found]
    if addresses and phones:
        findings.sort(key=_START)
    parts: list[str] = []
    copied = 0
    for kind, start, end in findings:
        parts += (text[copied:start], "[EMAIL]" if kind is _EMAIL else "[PHONE]")
        copied = end
    parts.append(text[copied:])
    return Redaction("".join(parts), tuple(findings))


def _walls(text: str, addresses: list[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """Addresses and the placeholders of an earlier time."""
    if "[" not in text:
        return addresses
    placeholders = (token.span() for token in _TOKEN.finditer(text))
    return merge(addresses, placeholders) if addresses else placeholders
