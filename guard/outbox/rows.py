"""What a delivery, an operator and a scrape ask of the table that keeps the messages.

``guard.outbox.sql`` has it once for SQLite and PostgreSQL; ``guard.django`` and ``guard.outbox.dbapi`` give that a
connection.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from guard.core.settings import SETTLE_S

__all__ = ["BATCH_MAX", "Batch", "Counts", "DeadLetter", "Forgotten", "OutboxRows", "Row"]

BATCH_MAX = 30
"""Messages in one call (contract, section 5)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One message.

    Attributes:
        unsure: Zep may have it; it is looked up before it is sent again.
        settles_at: unix seconds; a request of unknown fate may land until then, so it is not sent again before. 0: no
            such request, as of a new message or a dead letter that an operator sends again.
    """

    key: int
    outbox_id: str
    role: str
    content: str = field(repr=False)
    created_at: str
    unsure: bool
    settles_at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """The oldest undelivered messages of one thread, in order, claimed by ``claim`` until ``until`` (unix seconds)."""

    claim: str
    until: float
    user_id: str
    thread_id: str
    rows: Sequence[Row]
    attempts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """A message that Zep refused for good; times are unix seconds.

    Attributes:
        unknown: it was sent again earlier, and a request before may have landed late.
    """

    key: int
    outbox_id: str
    user_id: str
    thread_id: str
    role: str
    reason: str
    died_at: float
    attempts: int
    unknown: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """How many messages wait, are being sent and are dead; ``oldest`` (unix seconds) is None when none waits."""

    pending: int
    sending: int
    dead: int
    oldest: float | None

    @property
    def depth(self) -> int:
        """Messages that Zep does not have yet and will get."""
        return self.pending + self.sending


@dataclass(frozen=True, kw_only=True, slots=True)
class Forgotten:
    """What ``forget_user`` took out.

    Attributes:
        messages: rows of the outbox that are gone.
        dead_letters: dead letters that are gone.
        wait_until: until then (unix seconds) a request under way may still land at Zep: ask again. 0: all is gone.
    """

    messages: int
    dead_letters: int
    wait_until: float

    @property
    def done(self) -> bool:
        """Whether nothing of this person is here or under way any more."""
        return self.wait_until == 0


class OutboxRows(Protocol):
    """The table. Each method is a few short transactions; none is open while Zep is called. Times are unix seconds."""

    def now(self) -> float:
        """The time by the clock that all who deliver from this table share: the database's."""

    def claim(self, *, now: float, lease_s: float, settle_s: float = SETTLE_S) -> Batch | None:
        """Claim the messages of one thread that is due, or None.

        At most one batch of a thread is claimed at a time. A claim whose lease has run out (its process died) is given
        anew, its rows unsure until ``settle_s`` after the lease. The thread that waits longest and the newest take
        turns.
        """

    def sending_again(self, batch: Batch, keys: Collection[int]) -> int:
        """Mark rows of unknown fate that are about to be sent again; gives how many were not marked yet."""

    def delivered(self, batch: Batch, keys: Collection[int], *, now: float) -> int:
        """Zep has these, also if the claim was lost meanwhile; gives how many were not known to be there."""

    def put_back(
        self,
        batch: Batch,
        *,
        not_before: float,
        error: str,
        attempted: bool,
        unsure: Collection[int] = (),
        settles_at: float = 0.0,
    ) -> int:
        """Give up the claim on what is left of the batch, until ``not_before``; gives how many rows that were.

        Args:
            batch: what was claimed.
            not_before: when it is due again.
            error: why, for an operator.
            attempted: whether it counts as an attempt.
            unsure: keys of those that Zep may have got, or get, by this attempt.
            settles_at: until when.
        """

    def bury(self, batch: Batch, key: int, *, reason: str, now: float) -> bool:
        """Make a dead letter of a claimed row; False if the claim was lost, or its person was forgotten."""

    def dead_letters(self, *, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """The dead letters with a key above ``after``, oldest first."""

    def send_again(self, key: int) -> bool:
        """Put a dead letter back, at the end of its thread and with its outbox id; it is looked up first.

        False if there is no such dead letter.
        """

    def drop(self, key: int) -> bool:
        """Delete a dead letter; False if there is none."""

    def counts(self) -> Counts:
        """How many there are, and since when the oldest waits."""

    def tidy(
        self, *, now: float, keep_s: float, dead_keep_s: float, settle_s: float = SETTLE_S, limit: int = 1000
    ) -> int:
        """Delete what was delivered or died so long ago, ``limit`` of each at most; gives how many rows went.

        Also frees threads that were left waiting behind a message that is gone (a process that died between the two,
        or one of the release before, which knows nothing of it).
        """

    def forget_user(self, user_id: str, *, now: float, settle_s: float = SETTLE_S) -> Forgotten:
        """Delete the person's messages and dead letters.

        What is claimed, or was given up within ``settle_s``, may land at Zep yet: its text is deleted, it is never
        sent again, and the result says until when to wait before Zep's own copy is deleted. Ask again until ``done``.
        """
