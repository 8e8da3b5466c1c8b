"""The step about parts of the product that fail: the guard's own store, the app's database, the way to the web."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from pytest_bdd import parsers

from zepguard.drills.phrases import when
from zepguard.worlds.world import World, WorldError

__all__ = ["BreaksTheApp", "LosesStore"]


@runtime_checkable
class LosesStore(Protocol):
    """A world in which the guard's store can lose its data, or be taken away; it is put back at a scenario's end."""

    def take_store_away(self) -> None:
        """Nobody listens any more where it was."""

    def put_store_back(self) -> None:
        """Have it listen again, with what it had kept; WorldError if it was never seen to be away."""

    def empty_store(self) -> None:
        """Have it lose all that it had kept; WorldError if that was nothing."""


@runtime_checkable
class BreaksTheApp(Protocol):
    """A world in which the app's own parts can fail; they are whole again at a scenario's end."""

    def break_database(self, what: str) -> None:
        """Have it refuse ``requests``, or ``replies`` alone."""

    def mend_database(self) -> None:
        """Have it refuse nothing; WorldError if it was never seen to refuse."""

    def lose_next_answer(self) -> None:
        """What the chat worker says next does not reach the web; the world is void if it says nothing."""


@when(
    parsers.re(
        r"(the guard's store (?P<store>refuses connections|is back|is emptied)|"
        r"the app's database (refuses (?P<refused>requests|replies)|is whole again)|"
        r"(?P<lost>the next answer of celery_chat_worker is lost on its way to the web))"
    )
)
def own_part_fails(world: World, store: str | None, refused: str | None, lost: str | None) -> None:
    """Of the guard: nobody listens where its store was, or again, with what it had kept; or that is lost.

    Of the app: its database says no, to each request or when a reply is committed; or the web does not hear what the
    worker said.
    """
    if store is not None:
        _store_is(world, store)
    elif not isinstance(world, BreaksTheApp):
        raise WorldError(f"void: the app's own parts cannot be broken in world {world.name}; tag the scenario sim-only")
    elif lost is not None:
        world.lose_next_answer()
    elif refused is not None:
        world.break_database(refused)
    else:
        world.mend_database()


def _store_is(world: World, what: str) -> None:
    if not isinstance(world, LosesStore):
        raise WorldError(f"void: the guard's store cannot be taken away in world {world.name}")
    if what == "is back":
        world.put_store_back()
        world.wait(1)  # a process asks again within a second
    elif what == "is emptied":
        world.empty_store()
    else:
        world.take_store_away()
