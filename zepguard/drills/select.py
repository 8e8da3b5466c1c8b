"""Which scenarios a word on the command line means."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["matches"]


def matches(selector: str, ids: Sequence[str]) -> bool:
    """Whether ``selector`` names a scenario with these checklist ids.

    ``4`` and ``drill4`` are drill 4, ``ops`` every operational command, ``drill4-gauge`` that one item.
    """
    word = f"drill{selector}" if selector.isdecimal() else selector.lower().replace(" ", "")
    return any(one == word or one.startswith(word + "-") for one in ids)
