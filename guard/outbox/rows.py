"""What a delivery asks of the table that keeps the messages; ``guard.django`` has it over Django's models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["BATCH_MAX", "Batch", "OutboxRows", "Row"]

BATCH_MAX = 30
"""Messages in one call (contract, section 5)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One message. ``unsure``: it may have reached Zep; look it up before it is sent again."""

    key: int
    outbox_id: str
    role: str
    content: str
    created_at: str
    unsure: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """The oldest undelivered messages of one thread, in order, claimed by ``claim`` until ``until`` (unix seconds)."""

    claim: str
    until: float
    user_id: str
    thread_id: str
    rows: Sequence[Row]
    attempts: int


class OutboxRows(Protocol):
    """The table. Each method is one short transaction; none is open while Zep is called. Times are unix seconds."""

    def claim(self, *, now: float, lease_s: float) -> Batch | None:
        """Claim the messages of one thread that is due, or None.

        At most one batch of a thread is claimed at a time. A claim whose lease has run out (its process died) is
        given anew, its rows unsure.
        """

    def delivered(self, batch: Batch, keys: Sequence[int], *, now: float) -> None:
        """Zep has these; the claim on the others stays."""

    def put_back(self, batch: Batch, *, not_before: float, unsure: bool, error: str, attempted: bool) -> None:
        """Give up the claim until ``not_before``; ``attempted`` says whether it counts as an attempt."""
