"""The step about the guard's own store."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from pytest_bdd import parsers

from zepguard.drills.phrases import when
from zepguard.worlds.world import World, WorldError

__all__ = ["LosesStore"]


@runtime_checkable
class LosesStore(Protocol):
    """A world in which the guard's store can be taken away; it is put back at a scenario's end."""

    def take_store_away(self) -> None:
        """Nobody listens any more where it was."""

    def put_store_back(self) -> None:
        """Have it listen again, with what it had kept; WorldError if it was never seen to be away."""


@when(parsers.re(r"the guard's store (?P<what>refuses connections|is back)"))
def store_is(world: World, what: str) -> None:
    """Nobody listens where it was, or again, with what it had kept; a process asks again within a second."""
    if not isinstance(world, LosesStore):
        raise WorldError(f"void: the guard's store cannot be taken away in world {world.name}")
    if what == "is back":
        world.put_store_back()
        world.wait(1)
    else:
        world.take_store_away()
