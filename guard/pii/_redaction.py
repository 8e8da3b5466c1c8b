"""What was found in a text, and the text without it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
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
_PLACEHOLDER_LENGTH = len("[EMAIL]")
_LOOSE_BEFORE = frozenset({"", " ", "\n", "<", '"'})
_LOOSE_BEHIND = frozenset({"", " ", "\n", ",", ";", "!", "?", ">", '"', "'"})
_SENTENCE_END = frozenset({".", ". ", ".\n"})
_TIMES_MAX = 10
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
    findings = _find(folded.text, regions)
    if not findings:
        return Redaction(text, ())
    if _touched(folded.text, findings):
        findings = _find_again(folded.text, findings, regions)
    if folded.unseen:
        findings = [Finding(kind, *folded.origin(start, end)) for kind, start, end in findings]
    return Redaction(_without(text, findings), tuple(findings))


def _find(text: str, regions: tuple[str, ...]) -> list[Finding]:
    addresses = find_addresses(text)
    phones = find_phones(text, _walls(text, addresses) if "[" in text else addresses, regions)
    if not phones:
        return [Finding(_EMAIL, start, end) for start, end in addresses] if addresses else []
    findings = [Finding(_PHONE, start, end) for start, end in phones]
    if addresses:
        findings += [Finding(_EMAIL, start, end) for start, end in addresses]
        findings.sort(key=_START)
    return findings


def _walls(text: str, addresses: list[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """Addresses and the placeholders of an earlier time."""
    placeholders = (token.span() for token in _TOKEN.finditer(text))
    return merge(addresses, placeholders) if addresses else placeholders


def _without(text: str, findings: list[Finding]) -> str:
    parts: list[str] = []
    copied = 0
    for kind, start, end in findings:
        parts += (text[copied:start], "[EMAIL]" if kind is _EMAIL else "[PHONE]")
        copied = end
    parts.append(text[copied:])
    return "".join(parts)


def _touched(text: str, findings: list[Finding]) -> bool:
    """Whether something is joined to a finding, and may be read otherwise once that is a placeholder."""
    for _, start, end in findings:
        if text[start - 1 : start] not in _LOOSE_BEFORE:
            return True
        if text[end : end + 1] not in _LOOSE_BEHIND and text[end : end + 2] not in _SENTENCE_END:
            return True
    return False


def _find_again(text: str, findings: list[Finding], regions: tuple[str, ...]) -> list[Finding]:
    """Until nothing more is found; no more than some times, so that time stays linear."""
    for _ in range(_TIMES_MAX):
        more = _find(_without(text, findings), regions)
        if not more:
            break
        findings = sorted([*findings, *_before_replacement(more, findings)], key=_START)
    return findings


def _before_replacement(more: list[Finding], findings: list[Finding]) -> Iterator[Finding]:
    """Where ``more``, found after ``findings`` were replaced, stood before."""
    shift = passed = 0
    for kind, start, end in more:
        while passed < len(findings) and findings[passed].start - shift < start:
            shift += findings[passed].end - findings[passed].start - _PLACEHOLDER_LENGTH
            passed += 1
        yield Finding(kind, start + shift, end + shift)
