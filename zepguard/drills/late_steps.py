"""The steps about what Zep does late: reads that are under way while the mode changes, and writes that land late."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from pytest_bdd import parsers

from zepguard.drills.phrases import when
from zepguard.worlds.world import World, WorldError

__all__ = ["ReadsOn"]


@runtime_checkable
class ReadsOn(Protocol):
    """A world in which a worker's read can be under way while a step does something else."""

    def begin_read(self, thread: str) -> None:
        """Have a worker's guard read the thread's context; return once Zep has the request.

        Raises:
            WorldError: it ended before Zep had it, or at once.
        """

    def end_reads(self) -> Sequence[str]:
        """Wait for the reads that are under way; gives the status of each.

        Raises:
            WorldError: one had ended before this was asked: what was to happen meanwhile came too late.
        """

    def kill_reads(self) -> None:
        """Kill the workers whose reads are under way, as the kernel would.

        Raises:
            WorldError: none was under way.
        """


def _reading(world: World) -> ReadsOn:
    if not isinstance(world, ReadsOn):
        raise WorldError(f"void: no read of world {world.name} can be watched while it is under way")
    return world


@when(
    parsers.re(
        r"the next write reaches Zep, and its answer is lost|"
        r"Zep (?P<does>answers the next read|does the next write) (?P<late_s>\d+) s late"
    )
)
def once(world: World, does: str | None, late_s: str | None) -> None:
    """A write is done and never answered, or done so late (scaled), whoever waits; or a read is answered so late."""
    if does is None or late_s is None:
        world.start_fault("lost-answer", count=1)
    elif does.endswith("read"):
        world.start_fault("late-answer", delay_s=float(late_s), count=1)
    else:
        world.start_fault("late-write", delay_s=world.held_s(float(late_s)), count=1)


@when(parsers.parse('a read of thread "{thread}" is under way'))
def read_begun(world: World, thread: str) -> None:
    """Zep has the request and has not answered."""
    _reading(world).begin_read(thread)


@when(parsers.re(r"the (read under way ends as (?P<status>\w+)|worker of the read under way is killed)"))
def read_ended(world: World, status: str | None) -> None:
    """Only now, and by the word of the guard that made it; or without a word, for it is no more."""
    if status is None:
        _reading(world).kill_reads()
        world.saw("the worker of the read under way killed")
        return
    assert list(_reading(world).end_reads()) == [status]
    world.saw(f"the read that was under way ended as {status}")
