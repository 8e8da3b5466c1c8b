# ruff: noqa: RUF001 (Turkish has an i without a dot)
"""Phone numbers: runs of digits that a numbering plan knows, grouped or announced as people do it.

Rules: ITU-T E.123 (``+``, blanks, brackets around the area code), E.164 (at most 15 digits); ``_notation`` for digits
and groups; here what stands around a run. Valid digits alone are not enough, since one order number of three is a valid
number somewhere.

A run is tried whole, then by its groups, eight at most from each: time is linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from guard.errors import UnknownRegion
from guard.pii._notation import SHAPES, Sureness, international, national
from guard.pii._plan import Plans, plan_of
from guard.pii._words import said_after, said_before

__all__ = ["DEFAULT_REGIONS", "check_regions", "find_phones"]

DEFAULT_REGIONS = ("TR", "CY", "GB", "US")
"""Whose numbers are known without ``+``; Northern Cyprus dials as Türkiye does (+90 392)."""

_DIGITS_MIN = 8
_DIGITS_MAX = 17
"""15 of E.164, and the 00 before them."""
_SUM_MAX = 9
"""Digits that somebody may write with a ``+`` and a unit."""
_GROUPS_MAX = 8
_LEFT_REACH = 48
_RIGHT_REACH = 32

_SEPARATORS = r" \t()\[\]{}/_.-"
_RUN = re.compile(
    rf"[0-9](?=[0-9{_SEPARATORS}]{{{_DIGITS_MIN - 1}}})[0-9]*+"
    rf"(?:[{_SEPARATORS}]{{1,3}}+(?<!\.[ \t])(?<!\.[ \t][{_SEPARATORS}])[0-9]++)*+"
)
"""Groups of digits with up to three signs between, no full stop before a blank; too short ones are left at once."""
_WRITTEN_MAX = _DIGITS_MAX + 3 * (_DIGITS_MAX - 1)
_BLANK = re.compile(r"[ \t/]")
_CARD_LIKE = re.compile(r"\d+(?:\D+\d{4}(?!\d)){2,}+(?:\D+\d+)?")
"""Cards and IBANs: fours, all but the ends."""
_GROUP = re.compile(r"\d+")
_OPENING = re.compile(r"(?:[(\[{]\s?)?\+\s?[(\[{]?\s?|[(\[{]\s?")
_OPEN = re.compile(r"[(\[{]")
_CLOSED = re.compile(r"[)\]}]")
_FIRST_SIZES = frozenset({2, 3, 8, 10, 12})
"""Of groups that a number among other digits may begin with, if with neither 0 nor a sign."""
_SIGNS = frozenset("+([{")
_NO_SUM = frozenset("0+")
_CURRENCY = frozenset("$€£₺")
_BAD_AFTER_BLANK = frozenset("%$€£₺")
_BAD_BEFORE = frozenset("_#@=\\$€£₺%&-/.:,")
_BAD_LEFT = re.compile(r"(?:[^\W_]|[_#@=\\$€£₺%&-]|.[/]|\d[.:,])\Z", re.S)
_NAMED_LEFT = re.compile(r"(?:tel|telefon|phone|gsm|cep|mobile|whatsapp|wa\.me|send)[/=:.-]{1,3}\Z", re.I)
_BAD_RIGHT = re.compile(
    r"(?!(?:x|ext|dahili)\.?\s?\d{1,5}\b|[dt][ae]n\b)[^\W_]|_|[/\\-][^\W\d_]|:\d|[,.]\d{1,4}(?!\d)|\s?[%$€£₺]"
    r"|\.(?:png|jpe?g|gif|pdf|html?|csv|txt|zip|docx?|xlsx?|mp4|json|log|com|net|org)\b",
    re.I,
)
_UNIT_RIGHT = re.compile(
    r"\s?(?:TL|TRY|lira|kuruş|EUR|euro|USD|dollars?|dolar|GBP|pounds?|sterlin|km|m|kg|g|people|kişi\w*|adet|tane|points|"
    r"puan|views|times|kez|bytes|MB|GB|ms|rows|satır|users|kullanıcı|items|units|steps|adım|m²|m2)(?![^\W_])",
    re.I,
)
_NEXT_TO = re.compile(r"(?:['’]\w{1,6})?[ \t]+((?:(?:numaralı|nolu|no'lu)[ \t]+)?\w+)", re.I)
_CUT_RIGHT = re.compile(r"[\d\[]")
_IP = re.compile(r"(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}(?!\.?\d)")
_IS_DATE = r"\d{1,4}(?:-\d\d?-|\.\d\d?\.|/\d\d?/)\d{1,4}"
_IS_NO_NUMBER = rf"(?:{_IS_DATE}|\d{{1,3}}\.\d{{4,}}|{_IP.pattern})"
_NO_NUMBER = re.compile(rf"{_IS_NO_NUMBER}(?:[ \t](?:[-/][ \t])?(?:{_IS_NO_NUMBER}|\d\d?(?:\.\d\d)?)){{0,3}}")
"""Dates, fractions and IP addresses, and few of them with blanks between: told at once, being most of what is seen."""
_UNDERSCORED = re.compile(r"\d(?:_\d)+")
_FRACTION = re.compile(r"\d{1,3}\.\d{4,}(?!\.)")

_Span = tuple[int, int]


@lru_cache(maxsize=64)
def check_regions(regions: tuple[str, ...]) -> None:
    """Refuse what has no numbering plan; loads ``phonenumbers`` for other regions than the default ones.

    Raises:
        UnknownRegion: naming it and the remedy.
    """
    for region in regions:
        if region not in DEFAULT_REGIONS and region not in _supported():
            raise UnknownRegion(f"region {region!r} has no numbering plan; write ISO 3166 codes such as 'TR' or 'GB'")


def _supported() -> set[str]:
    from phonenumbers import SUPPORTED_REGIONS

    return SUPPORTED_REGIONS


def find_phones(text: str, walls: Iterable[_Span], regions: tuple[str, ...]) -> list[_Span]:
    """Return where numbers stand in folded ``text``, in order; none reaches into one of ``walls``."""
    found: list[_Span] = []
    floor = 0
    for start, end in walls:
        if start - floor >= _DIGITS_MIN:
            _find_between(text, floor, start, regions, found)
        floor = end
    if len(text) - floor >= _DIGITS_MIN:
        _find_between(text, floor, len(text), regions, found)
    return found


def _is_opened(text: str, first: int) -> bool:
    """Whether ``+`` or a bracket stands before the first digit, or before one blank."""
    before = text[first - 1 : first]
    return before in _SIGNS or (before == " " and text[first - 2 : first - 1] in _SIGNS)


def _find_between(text: str, floor: int, ceiling: int, regions: tuple[str, ...], found: list[_Span]) -> None:
    stretch = plans = None
    for run in _RUN.finditer(text, floor, ceiling):
        written = run[0]
        plans = plans or _plans(regions)
        if written.isdecimal():
            if not plans.may_be(written) and not _is_opened(text, run.start()):
                continue
        elif len(written) < _DIGITS_MIN or _NO_NUMBER.fullmatch(written):
            continue
        stretch = stretch or _Stretch(text, floor, ceiling, plans)
        numbers = _in_run(stretch, written, *run.span())
        if numbers:
            found += numbers
            stretch.floor = numbers[-1][1]


@lru_cache(maxsize=64)
def _plans(regions: tuple[str, ...]) -> Plans:
    return Plans(plan for region in regions if (plan := plan_of(region)) is not None)


def _in_run(stretch: _Stretch, written: str, start: int, end: int) -> Sequence[_Span]:
    if written.isdecimal():
        whole = stretch.number([written], start, end, alone=True)
        return (whole,) if whole else ()
    if end - start <= _WRITTEN_MAX:
        parts = _GROUP.findall(written)
        whole = stretch.number(parts, start, end, alone=True)
        if whole:
            return (whole,)
        if sum(map(len, parts)) <= _DIGITS_MIN:
            return ()
    if _BLANK.search(written) and not _CARD_LIKE.fullmatch(written):
        return _by_groups(stretch, [group.span() for group in _GROUP.finditer(stretch.text, start, end)])
    return ()


def _by_groups(stretch: _Stretch, groups: list[_Span]) -> list[_Span]:
    """Numbers beside other digits. What is left over between them is tried as if it stood alone."""
    found: list[_Span] = []
    left_over = at = 0
    while at < len(groups):
        span, used = _longest_from(stretch, groups, at, behind_number=at > 0 and at == left_over)
        if span is None:
            at += 1
            continue
        before = stretch.number_of(groups[left_over:at], alone=True)
        found += (before, span) if before else (span,)
        stretch.floor = span[1]
        at = left_over = at + used
    rest = stretch.number_of(groups[left_over:], alone=True) if left_over else None
    return [*found, rest] if rest else found


def _longest_from(stretch: _Stretch, groups: list[_Span], at: int, *, behind_number: bool) -> tuple[_Span | None, int]:
    text = stretch.text
    first, end = groups[at]
    bare = text[first] != "0" and text[first - 1 : first] not in _SIGNS
    if bare and end - first not in _FIRST_SIZES:
        return None, 0
    if at and not behind_number and not text[groups[at - 1][1] : first].rstrip("([{")[-1:].isspace():
        return None, 0
    sizes = [group_end - start for start, group_end in groups[at : at + _GROUPS_MAX]]
    count = sum(sizes)
    while count >= _DIGITS_MIN:
        used = len(sizes)
        if count <= _DIGITS_MAX and not (bare and _is_unusual(tuple(sizes))):
            last = at + used
            if last == len(groups) or _BLANK.search(text, groups[last - 1][1], groups[last][0]):
                span = stretch.number_of(groups[at:last], alone=not at)
                if span:
                    return span, used
        count -= sizes.pop()
    return None, 0


def _is_unusual(sizes: tuple[int, ...]) -> bool:
    """Whether neither these groups nor those behind a country code are a usual number's."""
    return sizes not in SHAPES and sizes[1:] not in SHAPES


class _Stretch:
    """A text between two walls, read for numbers; ``floor`` moves behind each one found."""

    __slots__ = ("ceiling", "floor", "plans", "text")

    def __init__(self, text: str, floor: int, ceiling: int, plans: Plans) -> None:
        self.text = text
        self.floor = floor
        self.ceiling = ceiling
        self.plans = plans

    def number_of(self, groups: list[_Span], *, alone: bool) -> _Span | None:
        """As ``number``, for the groups at these places; there may be none."""
        if not groups or len(groups) > _DIGITS_MAX:
            return None
        parts = [self.text[start:end] for start, end in groups]
        return self.number(parts, groups[0][0], groups[-1][1], alone=alone)

    def number(self, parts: list[str], first: int, end: int, *, alone: bool) -> _Span | None:
        """Return where the number of these groups of digits stands, None if it is none.

        Args:
            parts: the groups.
            first: where the first one begins.
            end: where the last one ends.
            alone: False among other digits, where a word beside them proves nothing.
        """
        if len(parts) > _DIGITS_MAX:
            return None
        text = self.text
        digits = "".join(parts)
        if not _DIGITS_MIN <= len(digits) <= _DIGITS_MAX:
            return None
        start = first
        if _is_opened(text, first):
            start = self._opening(first, end)
        elif not self.plans.may_be(digits):
            return None
        if start > self.floor and not self._is_free_left(start):
            if start == first or text[first - 1] != " ":
                return None
            start = first  # the sign belongs to what stands before it, as in "=+ 0532 123 45 67"
        if start < first and "+" in text[start:first]:
            return (start, end) if self._is_international(digits, end) else None
        sureness = national(digits, tuple(map(len, parts)), self.plans)
        if sureness is Sureness.NONE or not self._is_free_right(end, sure=sureness is Sureness.SURE):
            return None
        if len(parts) > 1 and self._is_joined(first, end, sureness):
            return None
        return (start, end) if self._is_enough(sureness, start, end, alone) else None

    def _is_joined(self, first: int, end: int, sureness: Sureness) -> bool:
        """Whether this is an IP address or a fraction, or joined by ``_`` (sure ones and single digits may be)."""
        written = self.text[first:end]
        if "_" in written:
            return sureness is not Sureness.SURE and _UNDERSCORED.fullmatch(written) is None
        return "." in written and bool(_IP.match(self.text, first, end) or _FRACTION.match(self.text, first, end))

    def _is_enough(self, sureness: Sureness, start: int, end: int, alone: bool) -> bool:
        if sureness is Sureness.SURE:
            return True
        if sureness is Sureness.POSSIBLE and not alone:
            return False
        if (
            end < self.ceiling
            and (self.text[end] == " " or self.text[end].isalpha())
            and _UNIT_RIGHT.match(self.text, end, self.ceiling)
        ):
            return False
        said = self._said_beside(start, end)
        if sureness is Sureness.LIKELY:
            return said != "other"
        return said == "phone"

    def _opening(self, first: int, end: int) -> int:
        """Where ``+`` before the first digit begins, or the bracket if it is closed within the number."""
        for back in (5, 4, 3, 2, 1):
            if first - back >= self.floor and _OPENING.fullmatch(self.text, first - back, first):
                opened = len(_OPEN.findall(self.text, first - back, end))
                if opened and opened <= len(_CLOSED.findall(self.text, first, end)):
                    return first - back
                plus = self.text.find("+", first - back, first)
                return plus if plus >= 0 else first
        return first

    def _is_free_left(self, start: int) -> bool:
        """Whether nothing is joined to the number's beginning that makes it a part of something else."""
        last = self.text[start - 1]
        if last in " \n":
            return self.text[start - 2 : start - 1] not in _CURRENCY or self.text[start] in _NO_SUM
        if last.isalpha():
            return False
        if last not in _BAD_BEFORE and not last.isdecimal():
            return True
        left = self.text[max(self.floor, start - 16) : start]
        return not _BAD_LEFT.search(left[-2:]) or bool(_NAMED_LEFT.search(left))

    def _is_international(self, digits: str, end: int) -> bool:
        """Whether the digits behind a ``+`` are a number, and no sum of money or the like."""
        if not international(digits, self.plans.all) or not self._is_free_right(end, sure=True):
            return False
        return len(digits) > _SUM_MAX or _UNIT_RIGHT.match(self.text, end, self.ceiling) is None

    def _is_free_right(self, end: int, *, sure: bool) -> bool:
        """The same of its end; behind a blank a sign for money or per cent counts if the number is not sure."""
        text = self.text
        if end == self.ceiling or (text[end] == " " and (sure or text[end + 1 : end + 2] not in _BAD_AFTER_BLANK)):
            return True
        return _BAD_RIGHT.match(text, end, self.ceiling) is None

    def _said_beside(self, start: int, end: int) -> str:
        """What words say the number is: ``phone``, ``other`` or nothing.

        A word for phones right behind it counts most, as Turkish has it; then the nearest before, then one after.
        """
        said = said_before(self.text[max(self.floor, start - _LEFT_REACH) : start])
        if said == "phone":
            return said
        if said:
            next_to = _NEXT_TO.match(self.text, end, self.ceiling)
            return "phone" if next_to and said_after(next_to[1]) == "phone" else said
        reach = min(self.ceiling, end + _RIGHT_REACH)
        cut = _CUT_RIGHT.search(self.text, end, reach)
        return said_after(self.text[end : cut.start() if cut else reach])
