"""What the guard asks of Zep, and how a call can end; the SDK stands behind it in ``guard.zep.sdk``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from guard.core.table import Outcome
from guard.errors import GuardError

__all__ = ["Answer", "AsyncZepCalls", "OutgoingMessage", "StoredMessage", "ZepCalls", "ZepFailure"]


class ZepFailure(GuardError):
    """A call to Zep gave no usable answer.

    Attributes:
        outcome: the row of the transition table.
        status: the HTTP status, if there was one.
        retry_after_s: seconds that Zep asked to wait, 0 if it did not say.
        ambiguous: whether a write may have been applied all the same (contract, section 6: v3 has no safe replay).
    """

    def __init__(
        self,
        outcome: Outcome,
        message: str,
        *,
        status: int | None = None,
        retry_after_s: float = 0.0,
        ambiguous: bool = False,
    ) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.status = status
        self.retry_after_s = retry_after_s
        self.ambiguous = ambiguous


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A context read that Zep answered; ``found`` is False for a thread that it does not know yet."""

    text: str
    found: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class OutgoingMessage:
    """A message on its way to Zep; ``outbox_id`` travels in its metadata."""

    outbox_id: str
    role: str
    content: str
    created_at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredMessage:
    """A message that Zep holds."""

    uuid: str
    role: str
    outbox_id: str = field(default="")


class ZepCalls(Protocol):
    """One call to Zep each, within the deadline; raises ``ZepFailure`` if it gives no usable answer."""

    def read_context(self, thread_id: str) -> Answer:
        """Read the context block of a thread."""

    def add_messages(self, thread_id: str, messages: Sequence[OutgoingMessage]) -> None:
        """Add messages to a thread, in order."""

    def newest_messages(self, thread_id: str, count: int) -> list[StoredMessage]:
        """Read the newest ``count`` messages, oldest first; an unknown thread has none."""

    def ensure_user(self, user_id: str) -> None:
        """Make a user; one that exists is success."""

    def ensure_thread(self, thread_id: str, user_id: str) -> bool:
        """Make a thread; one that exists is success. False if Zep does not know the user."""

    def delete_user(self, user_id: str) -> None:
        """Delete a user with threads, messages and facts; one that Zep does not know is success."""


class AsyncZepCalls(Protocol):
    """``ZepCalls`` as coroutines, for the event loop in which they were made."""

    async def read_context(self, thread_id: str) -> Answer:
        """Read the context block of a thread."""

    async def add_messages(self, thread_id: str, messages: Sequence[OutgoingMessage]) -> None:
        """Add messages to a thread, in order."""

    async def newest_messages(self, thread_id: str, count: int) -> list[StoredMessage]:
        """Read the newest ``count`` messages, oldest first; an unknown thread has none."""

    async def ensure_user(self, user_id: str) -> None:
        """Make a user; one that exists is success."""

    async def ensure_thread(self, thread_id: str, user_id: str) -> bool:
        """Make a thread; one that exists is success. False if Zep does not know the user."""

    async def delete_user(self, user_id: str) -> None:
        """Delete a user with threads, messages and facts; one that Zep does not know is success."""
