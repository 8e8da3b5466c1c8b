"""The step about the guard's own store."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from pytest_bdd import parsers

from zepguard.drills.phrases import when
from zepguard.worlds.world import World, WorldError

__all__ = ["LosesStore"]


@runtime_checkable
class LosesStore(Protocol):
    """A world in which the guard's store can lose its data, or be taken away; it is put back at a scenario's end."""

    def take_store_away(self) -> None:
        """Nobody listens any more where it was."""

    def put_store_back(self) -> None:
        """Have it listen again, with what it had kept; WorldError if it was never seen to be away."""

    def empty_store(self) -> None:
        """Have it lose all that it had kept; WorldError if that was nothing."""


@when(parsers.re(r"the guard's store (?P<what>refuses connections|is back|is emptied)"))
def store_is(world: World, what: str) -> None:
    """Nobody listens where it was, or again, with what it had kept; or that is lost. A process asks each second."""
    if not isinstance(world, LosesStore):
        raise WorldError(f"void: the guard's store cannot be taken away in world {world.name}")
    if what == "is back":
        world.put_store_back()
        world.wait(1)
    elif what == "is emptied":
        world.empty_store()
    else:
        world.take_store_away()
