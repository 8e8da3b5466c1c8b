"""How sure it is, from digits and their groups alone, that a run of digits is a phone number.

Rules: the plans of libphonenumber for which digits; for the groups, what each region writes: Türkiye 0532 123 45 67
(also Northern Cyprus, 0392), the Republic of Cyprus 99 123456, the United Kingdom 020 7946 0958 and 07911 123456, the
United States (415) 555-2671; E.123 for the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from guard.pii._plan import Plan, is_possible_abroad

__all__ = ["Sureness", "international", "national"]

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


def international(digits: str, plans: Iterable[Plan]) -> bool:
    """Whether ``digits``, which stood behind a ``+``, are a number of one of ``plans`` or of another country."""
    for plan in plans:
        if digits.startswith(plan.code):
            number = digits[len(plan.code) :]
            return plan.allows(number) or bool(plan.trunk and plan.allows(number.removeprefix(plan.trunk)))
    return len(digits) <= 15 and is_possible_abroad(digits)


def national(digits: str, sizes: Sizes, plans: Iterable[Plan]) -> Sureness:
    """How sure it is that ``digits`` in groups of ``sizes`` are a number of one of ``plans``, without ``+``."""
    spaced = len(sizes) > 4 and max(sizes) == 1
    best = Sureness.NONE
    for plan in plans:
        for sureness in (
            _with_trunk(digits, sizes, plan, spaced),
            _with_code(digits, sizes, plan, spaced),
            _bare(digits, sizes, plan, spaced),
        ):
            best = max(best, sureness)
        if best is Sureness.SURE:
            break
    return best


def _with_trunk(digits: str, sizes: Sizes, plan: Plan, spaced: bool) -> Sureness:
    if not plan.trunk or not digits.startswith(plan.trunk):
        return Sureness.NONE
    number = digits[len(plan.trunk) :]
    if plan.trunk != "0":  # the American 1 is as good as none
        if not plan.assigns(number):
            return Sureness.NONE
        return Sureness.LIKELY if sizes == (1, 3, 3, 4) else Sureness.POSSIBLE
    if not plan.allows(number):
        return Sureness.NONE
    if len(sizes) == 1:
        return Sureness.LIKELY if plan.assigns(number) else Sureness.POSSIBLE
    if spaced or (sizes[0] in (1, 3, 4, 5) and max(sizes) > 2):
        return Sureness.SURE if plan.assigns(number) else Sureness.LIKELY
    return Sureness.LIKELY if plan.assigns(number) and all(size == 2 for size in sizes[:-1]) else Sureness.POSSIBLE


def _with_code(digits: str, sizes: Sizes, plan: Plan, spaced: bool) -> Sureness:
    dialled_out = digits.startswith("00" + plan.code)
    if not dialled_out and (len(plan.code) == 1 or not digits.startswith(plan.code)):
        return Sureness.NONE
    number = digits[len(plan.code) + 2 * dialled_out :]
    if not plan.assigns(number):
        return Sureness.POSSIBLE if plan.allows(number) else Sureness.NONE
    if dialled_out:
        return Sureness.SURE if len(sizes) > 1 else Sureness.LIKELY
    if len(sizes) > 2 and sizes[0] == len(plan.code):
        return Sureness.SURE if sizes[1:] in _WITHOUT_TRUNK.get(plan.region, {}) else Sureness.LIKELY
    return Sureness.LIKELY if spaced or len(digits) >= 12 else Sureness.POSSIBLE


def _bare(digits: str, sizes: Sizes, plan: Plan, spaced: bool) -> Sureness:
    usual = _WITHOUT_TRUNK.get(plan.region, {}).get(sizes, Sureness.NONE)
    if usual and plan.allows(digits):
        return usual if plan.assigns(digits) or plan.region == "US" else Sureness.POSSIBLE
    if not (spaced or sizes in _ANNOUNCED) or not plan.assigns(digits):
        return Sureness.NONE
    if plan.region == "TR" and digits[0] == "5" and (spaced or len(sizes) == 1):
        return Sureness.LIKELY  # a mobile; Unix times and most counters do not begin with 5
    return Sureness.POSSIBLE
