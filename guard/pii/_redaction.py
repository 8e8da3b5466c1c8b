"""What was found in a text, and the text without it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from guard.pii._address import find_addresses
from guard.pii._normal import Folded, fold
from guard.pii._phone import DEFAULT_REGIONS, check_regions, find_phones

__all__ = ["Finding", "Kind", "Redaction", "redact"]


class Kind(StrEnum):
    """What kind of personal data a finding is; the value labels ``memory_pii_redactions_total``."""

    EMAIL = "email"
    PHONE = "phone"


@dataclass(frozen=True, slots=True)
class Finding:
    """A piece of personal data: ``original[start:end]``."""

    kind: Kind
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Redaction:
    """A text with its findings replaced; ``findings`` count in the original, in order, without overlap."""

    text: str
    findings: tuple[Finding, ...]


_TOKEN = re.compile(r"\[(?:EMAIL|PHONE)\]")
_PLACEHOLDER = {Kind.EMAIL: "[EMAIL]", Kind.PHONE: "[PHONE]"}


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
    check_regions(regions)
    folded = fold(text)
    found = _find(folded, regions)
    if not found:
        return Redaction(text, ())
    parts: list[str] = []
    findings: list[Finding] = []
    copied = 0
    for start, end, kind in found:
        begin, stop = folded.origin(start, end)
        findings.append(Finding(kind, begin, stop))
        parts += (text[copied:begin], _PLACEHOLDER[kind])
        copied = stop
    parts.append(text[copied:])
    return Redaction("".join(parts), tuple(findings))


def _find(folded: Folded, regions: tuple[str, ...]) -> list[tuple[int, int, Kind]]:
    text = folded.text
    addresses = find_addresses(text)
    walls = addresses
    if "[" in text:
        walls = sorted([*addresses, *(token.span() for token in _TOKEN.finditer(text))])
    found = [(start, end, Kind.EMAIL) for start, end in addresses]
    found += [(start, end, Kind.PHONE) for start, end in find_phones(text, walls, regions)]
    if addresses and len(found) > 1:
        found.sort()
    return found
