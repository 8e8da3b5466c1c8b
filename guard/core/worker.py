"""A live process that runs the guard, and the base mode of all of them together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from guard.core.modes import Mode, lowest

__all__ = ["Worker", "fleet_base"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Worker:
    """By its last heartbeat, ``seen`` (unix seconds); ``reads`` says whether it reads context for turns."""

    name: str
    program: str
    pid: int
    base: Mode
    seen: float = 0.0
    reads: bool = True


def fleet_base(workers: Iterable[Worker], otherwise: Mode) -> Mode:
    """The base mode in force: the lowest that a live worker reads with; ``otherwise`` where there is none.

    A process that only delivers follows the flags at its own restart; it says nothing about reads.
    """
    bases = [worker.base for worker in workers if worker.reads]
    return lowest(bases) if bases else otherwise
