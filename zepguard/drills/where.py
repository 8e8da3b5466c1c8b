"""In which worlds a scenario runs."""

from __future__ import annotations

from collections.abc import Sequence

from zepguard.drills.checklist import checklist

__all__ = ["runs_in"]

_AS = {"staging": "stack"}


def runs_in(world: str, ids: Sequence[str], *, only: Sequence[str] = ()) -> bool:
    """Whether a scenario runs in a world: one of its items must hold there.

    Args:
        world: its name; a deployed environment is asked what a stack is asked.
        ids: the scenario's checklist ids.
        only: the worlds that its tag keeps it to, ``sim`` or ``stack``; any if empty.
    """
    if only and world not in only:
        return False
    worlds = {place for item in checklist() if item.id in ids for place in item.worlds}
    return not worlds or _AS.get(world, world) in worlds
