"""In which worlds a scenario runs."""

from __future__ import annotations

from collections.abc import Sequence

from zepguard.drills.checklist import checklist

__all__ = ["runs_in"]

_AS = {"staging": "stack"}


def runs_in(world: str, ids: Sequence[str], *, only: Sequence[Sequence[str]] = ()) -> bool:
    """Whether a scenario runs in a world: one of its items must hold there.

    Args:
        world: its name; a deployed environment is asked what a stack is asked.
        ids: the scenario's checklist ids.
        only: of each tag that keeps it to some worlds, these: ``sim``, ``stack``; any if empty.
    """
    if any(world not in worlds for worlds in only):
        return False
    due = {place for item in checklist() if item.id in ids for place in item.worlds}
    return not due or _AS.get(world, world) in due
