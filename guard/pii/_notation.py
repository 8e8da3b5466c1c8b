"""How sure it is, from digits and their groups alone, that a run of digits is a phone number.

Rules: the plans of libphonenumber for which digits; for the groups, what each region writes: Türkiye 0532 123 45 67
(also Northern Cyprus, 0392), the Republic of Cyprus 99 123456, the United Kingdom 020 7946 0958 and 07911 123456, the
United States (415) 555-2671; E.123 for the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from guard.pii._plan import Plan, Plans, is_possible_abroad

__all__ = ["SHAPES", "Sureness", "international", "national"]

Sizes = tuple[int, ...]


class Sureness(IntEnum):
    """What it takes besides the digits."""

    NONE = 0
    POSSIBLE = 1
    """A word that announces a phone number."""
    LIKELY = 2
    """No word that announces something else."""
    SURE = 3
    """Nothing."""


_NONE, _POSSIBLE, _LIKELY, _SURE = Sureness

_WITHOUT_TRUNK: dict[str, dict[Sizes, Sureness]] = {
    "TR": {
        (3, 3, 2, 2): Sureness.SURE,
        (3, 3, 4): Sureness.LIKELY,
        (3, 4, 3): Sureness.LIKELY,
        (3, 2, 2, 3): Sureness.LIKELY,
    },
    "CY": {(2, 6): Sureness.LIKELY},
    "US": {(3, 3, 4): Sureness.LIKELY},
}
_ANNOUNCED: frozenset[Sizes] = frozenset(
    {(10,), (9,), (8,), (3, 3, 2, 2), (3, 3, 4), (3, 4, 3), (3, 7), (6, 4), (3, 5, 2), (2, 6), (2, 3, 3), (4, 4),
     (3, 5), (2, 2, 2, 2), (4, 6), (4, 3, 3), (2, 4, 4), (5, 5), (5, 3, 2), (3, 3, 2)}
)  # fmt: skip
SHAPES = _ANNOUNCED.union(*_WITHOUT_TRUNK.values())
"""Groups that a number without ``+`` or ``0`` may have."""


def international(digits: str, plans: Iterable[Plan]) -> bool:
    """Whether ``digits``, which stood behind a ``+``, are a number of one of ``plans`` or of another country."""
    for plan in plans:
        if digits.startswith(plan.code):
            number = digits[len(plan.code) :]
            return plan.allows(number) or bool(plan.trunk and plan.allows(number.removeprefix(plan.trunk)))
    return len(digits) <= 15 and is_possible_abroad(digits)


def national(digits: str, sizes: Sizes, plans: Plans) -> Sureness:
    """How sure it is that ``digits``, in groups of ``sizes`` and without ``+``, are a number of one of ``plans``."""
    count = len(digits)
    spaced = count == len(sizes)
    if digits[0] == "0":
        return _behind_zero(digits, sizes, plans, spaced)
    best = _NONE
    if spaced or sizes in SHAPES:
        for plan in plans.bare(count):
            best = max(best, _bare(digits, sizes, plan, spaced))
    for plan in plans.coded(count):
        if digits.startswith(plan.code):
            best = max(best, _with_code(digits, sizes, plan, spaced))
    return best


def _behind_zero(digits: str, sizes: Sizes, plans: Plans, spaced: bool) -> Sureness:
    best = _NONE
    if digits[1] == "0":
        for plan in plans.all:
            if digits.startswith(plan.code, 2):
                best = max(best, _dialled_out(digits[2 + len(plan.code) :], sizes, plan))
        return best
    for plan in plans.behind_zero:
        if len(digits) - 1 in plan.lengths:
            best = max(best, _with_trunk(digits[1:], sizes, plan, spaced))
            if best is _SURE:
                break
    return best


def _dialled_out(number: str, sizes: Sizes, plan: Plan) -> Sureness:
    """Behind ``00`` and the country code."""
    if not plan.assigns(number):
        return _POSSIBLE if plan.allows(number) else _NONE
    return _SURE if len(sizes) > 1 else _LIKELY


def _with_trunk(number: str, sizes: Sizes, plan: Plan, spaced: bool) -> Sureness:
    """Behind a ``0``, which ``sizes`` count."""
    assigned = plan.assigns(number)
    if not assigned and not plan.allows(number):
        return _NONE
    if len(sizes) == 1:
        return _LIKELY if assigned else _POSSIBLE
    if spaced or (sizes[0] in (1, 3, 4, 5) and max(sizes) > 2):
        return _SURE if assigned else _LIKELY
    return _LIKELY if assigned and all(size == 2 for size in sizes[:-1]) else _NONE


def _with_code(digits: str, sizes: Sizes, plan: Plan, spaced: bool) -> Sureness:
    """Behind the country code alone."""
    number = digits[len(plan.code) :]
    if not plan.assigns(number):
        return _POSSIBLE if plan.allows(number) else _NONE
    if len(sizes) > 2 and sizes[0] == len(plan.code):
        usual = _WITHOUT_TRUNK.get(plan.region, {}).get(sizes[1:], _POSSIBLE)
        return _SURE if usual and plan.code != plan.trunk else usual
    return _LIKELY if spaced or len(digits) >= 12 else _POSSIBLE


def _bare(digits: str, sizes: Sizes, plan: Plan, spaced: bool) -> Sureness:
    """Neither of them."""
    usual = _WITHOUT_TRUNK.get(plan.region, {}).get(sizes, _NONE)
    if usual and plan.allows(digits):
        return usual if plan.assigns(digits) or plan.region == "US" else _POSSIBLE
    if not plan.assigns(digits):
        return _NONE
    if plan.region == "TR" and digits[0] == "5" and (spaced or len(sizes) == 1):
        return _LIKELY  # a mobile; Unix times and most counters do not begin with 5
    return _POSSIBLE
