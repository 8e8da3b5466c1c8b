"""Numbering plans of regions, taken out of the metadata of Google's libphonenumber (package ``phonenumbers``).

Its ``parse`` costs 30 microseconds a region and number; its patterns, compiled once, cost one. The package is imported
with the first plan, not with this module.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["Plan", "Plans", "code_of", "is_possible_abroad", "plan_of"]

_TYPES = ("fixed_line", "mobile", "toll_free", "personal_number", "voip")
"""Not premium, shared cost, pager, voicemail and company-wide lines: nobody's own, and they look like order numbers."""
_SHORTEST = 8
"""Shorter ones (the Turkish 444 numbers) are a company's, and look like anything."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a region's numbers look like, without country code and trunk prefix."""

    region: str
    code: str
    trunk: str
    assigned: re.Pattern[str]
    general: re.Pattern[str]
    lengths: frozenset[int]

    def assigns(self, number: str) -> bool:
        """Whether the number's range is given out to some type of line."""
        return len(number) in self.lengths and self.assigned.fullmatch(number) is not None

    def allows(self, number: str) -> bool:
        """Whether the number has the region's general form; wider than ``assigns``."""
        return len(number) in self.lengths and self.general.fullmatch(number) is not None


class Plans:
    """Plans in the order of their regions, laid out so that few of them are asked about a number."""

    __slots__ = ("_bare", "_coded", "all", "behind_zero", "may_be")

    def __init__(self, plans: Iterable[Plan]) -> None:
        self.all = tuple(plans)
        self.behind_zero = tuple(plan for plan in self.all if plan.trunk == "0")
        self._bare = self._by_count(lambda plan: 0)
        self._coded = self._by_count(lambda plan: len(plan.code))
        every = "|".join(rf"(?:(?:00)?{plan.code}|{plan.trunk})?(?:{plan.general.pattern})" for plan in self.all)
        self.may_be = re.compile(every or r"(?!)").fullmatch
        """Whether some plan allows the digits with any prefix: one match, before the plans are asked one by one."""

    def _by_count(self, prefix: Callable[[Plan], int]) -> dict[int, tuple[Plan, ...]]:
        counts = {n + prefix(plan) for plan in self.all for n in plan.lengths}
        return {n: tuple(plan for plan in self.all if n - prefix(plan) in plan.lengths) for n in counts}

    def bare(self, count: int) -> tuple[Plan, ...]:
        """Plans with numbers of ``count`` digits."""
        return self._bare.get(count, ())

    def coded(self, count: int) -> tuple[Plan, ...]:
        """Plans with numbers of ``count`` digits, those of the country code among them."""
        return self._coded.get(count, ())


@lru_cache(maxsize=256)
def plan_of(region: str) -> Plan | None:
    """Return the plan of ``region`` (an ISO 3166 code), None if libphonenumber has none."""
    from phonenumbers import PhoneMetadata

    metadata = PhoneMetadata.metadata_for_region(region, None)
    if metadata is None or metadata.general_desc is None:
        return None
    patterns = [desc.national_number_pattern for name in _TYPES if (desc := getattr(metadata, name)) is not None]
    return Plan(
        region=region,
        code=str(metadata.country_code),
        trunk=metadata.national_prefix or "",
        assigned=re.compile("|".join(f"(?:{pattern})" for pattern in patterns if pattern)),
        general=re.compile(metadata.general_desc.national_number_pattern or ""),
        lengths=frozenset(n for n in metadata.general_desc.possible_length if n >= _SHORTEST),
    )


def code_of(digits: str) -> str:
    """Return the country code that international ``digits`` begin with, empty if there is none."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    return next((digits[:n] for n in (1, 2, 3) if int(digits[:n]) in COUNTRY_CODE_TO_REGION_CODE), "")


def is_possible_abroad(digits: str) -> bool:
    """Whether international ``digits`` (at most 15) have a length that their country uses."""
    from phonenumbers import PhoneNumber, is_possible_number

    code = code_of(digits)
    if not code or digits[len(code) :].startswith("0"):
        return False
    return is_possible_number(PhoneNumber(country_code=int(code), national_number=int(digits[len(code) :])))
