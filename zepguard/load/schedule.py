"""When each turn is due and in which thread, settled before the run: a slow answer moves no later turn.

Time is cut into slots of one turn each (1/rate seconds). The users take the slots by turns, and a turn is due at a
random moment of its slot, so that no two users fire in step and nothing periodic in the product is always met at the
same phase. A user stays in one arm, even ones in the stage's: a slow answer with memory delays nobody without.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from chatapp.memory_share import in_share

__all__ = ["SHARE", "TURNS_IN_CHAT", "Arm", "DueTurn", "Plan", "arm_of"]

SHARE = 0.5
"""Threads with memory: half, whatever share the stage has. A tenth would leave too few samples in one arm."""

TURNS_IN_CHAT = 6
"""Turns of one thread. Its first two read from Zep (a thread that Zep does not know yet is not cached), the others may
hit the cache: more than the checklist's 40 %. A third of the turns wait for Zep, so a p95 of all turns shows it."""

_USERS_MAX = 10_000
_TURNS_MAX = 1_000_000


class Arm(StrEnum):
    """Where a thread belongs."""

    OFF = "off"  # without memory: the baseline
    STAGE = "stage"  # with the stage's mode


def arm_of(thread_id: str, share: float) -> Arm:
    """The arm that the chat app puts a thread in."""
    return Arm.STAGE if in_share(thread_id, share) else Arm.OFF


@dataclass(frozen=True, kw_only=True, slots=True)
class DueTurn:
    """A turn of the plan; ``due_s``: seconds since the run began."""

    due_s: float
    thread_id: str
    arm: Arm
    number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A run.

    Attributes:
        users: persons who chat; even, so that both arms have as many.
        rate_per_s: turns due a second, of all users together.
        duration_s: seconds in which turns are due.
        seed: of the random moments and of the threads' names.
    """

    users: int
    rate_per_s: float
    duration_s: float
    seed: int

    def __post_init__(self) -> None:
        """Raises ValueError for what cannot be, with the value and the remedy."""
        if self.users < 2 or self.users % 2:
            raise ValueError(f"{self.users} users cannot be dealt out to two arms: give an even number, 2 or more")
        for name in ("rate_per_s", "duration_s"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is {getattr(self, name)}: give more than 0")
        if self.users > _USERS_MAX:
            raise ValueError(f"{self.users} users are more than one generator can be: give {_USERS_MAX} or fewer")
        if self.rate_per_s * self.duration_s > _TURNS_MAX:
            raise ValueError(
                f"{self.rate_per_s:g} turns a second for {self.duration_s:g} s are more than one run can keep: "
                f"give a rate and a duration of {_TURNS_MAX} turns or fewer in all"
            )

    @property
    def slots(self) -> int:
        """Turns due in all."""
        return int(self.duration_s * self.rate_per_s + 1e-9)

    def turns_of(self, user: int) -> Iterator[DueTurn]:
        """The turns of one user (from 0), in order."""
        # A text is hashed whole: seeds that differ by one give unrelated draws.
        draw = random.Random(f"{self.seed}:{user}")
        arm = Arm.OFF if user % 2 else Arm.STAGE
        thread_id = ""
        for turn, slot in enumerate(range(user, self.slots, self.users)):
            number = turn % TURNS_IN_CHAT
            if number == 0:
                thread_id = _thread(draw, arm)
            due_s = (slot + draw.random()) / self.rate_per_s
            yield DueTurn(due_s=due_s, thread_id=thread_id, arm=arm, number=number)


def _thread(draw: random.Random, arm: Arm) -> str:
    """A new thread of an arm; two draws on average."""
    while arm_of(name := f"load-{uuid.UUID(int=draw.getrandbits(128), version=4)}", SHARE) is not arm:
        pass
    return name
