"""A Zep that answers by script; for sync and async code."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from guard.core.table import Outcome
from guard.testing.clock import FakeClock
from guard.zep.calls import Answer, OutgoingMessage, StoredMessage, ZepFailure

__all__ = ["AsyncFakeZep", "FakeZep"]

_AMBIGUOUS = frozenset({Outcome.TIMEOUT, Outcome.CONNECTION, Outcome.SERVER_ERROR, Outcome.WRONG_SHAPE})


class FakeZep:
    """``ZepCalls`` in this process. Answers until told otherwise; each call is noted in ``calls``.

    >>> zep = FakeZep(FakeClock())
    >>> zep.then("server_error", "answered")  # the next two calls; after them as before
    >>> zep.read_context("t1")
    Traceback (most recent call last):
    guard.zep.calls.ZepFailure: the fake Zep ends this call with server_error
    >>> zep.read_context("t1").text
    'remembered of t1'
    >>> zep.calls
    [('read_context', 't1'), ('read_context', 't1')]

    Args:
        clock: moved on by ``takes``.

    Attributes:
        calls: (method, id of thread or user) of each call, in order.
        users: known to it.
        threads: known to it, with their messages in order.
    """

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._text: str | None = None
        self._always = Outcome.ANSWERED
        self._next: deque[Outcome] = deque()
        self._retry_after_s = 0.0
        self._takes_s = 0.0
        self.calls: list[tuple[str, str]] = []
        self.users: set[str] = set()
        self.threads: dict[str, list[OutgoingMessage]] = {}

    # -- the script --------------------------------------------------------------------------------------------------

    def answers(self, text: str | None = None) -> None:
        """Answer from now on; reads give ``text``, or one that names the thread."""
        self._always, self._text = Outcome.ANSWERED, text
        self._next.clear()

    def fails(self, outcome: str, *, retry_after_s: float = 0.0) -> None:
        """Fail from now on.

        Args:
            outcome: a row of the transition table, such as ``timeout``, ``auth`` or ``rate_limited``.
            retry_after_s: seconds that it asks to wait.

        Raises:
            ValueError: naming an outcome that is none, and those that are.
        """
        self._always, self._retry_after_s = _outcome(outcome), retry_after_s
        self._next.clear()

    def then(self, *outcomes: str) -> None:
        """End the next calls so, one after the other; after them as before.

        Raises:
            ValueError: naming an outcome that is none, and those that are.
        """
        self._next.extend([_outcome(outcome) for outcome in outcomes])

    def takes(self, seconds: float) -> None:
        """From now on each call takes so many seconds of the clock."""
        self._takes_s = seconds

    def _call(self, method: str, about: str) -> Outcome:
        self.calls.append((method, about))
        self._clock.advance(self._takes_s)
        outcome = self._next.popleft() if self._next else self._always
        if outcome in (Outcome.ANSWERED, Outcome.NOT_FOUND):
            return outcome
        raise ZepFailure(
            outcome,
            f"the fake Zep ends this call with {outcome}",
            retry_after_s=self._retry_after_s,
            ambiguous=outcome in _AMBIGUOUS,
        )

    # -- the protocol ------------------------------------------------------------------------------------------------

    def read_context(self, thread_id: str) -> Answer:
        """See ``ZepCalls``."""
        if self._call("read_context", thread_id) is Outcome.NOT_FOUND:
            return Answer(text="", found=False)
        return Answer(text=f"remembered of {thread_id}" if self._text is None else self._text)

    def add_messages(self, thread_id: str, messages: Sequence[OutgoingMessage]) -> None:
        """See ``ZepCalls``."""
        self._call("add_messages", thread_id)
        self.threads.setdefault(thread_id, []).extend(messages)

    def newest_messages(self, thread_id: str, count: int) -> list[StoredMessage]:
        """See ``ZepCalls``."""
        self._call("newest_messages", thread_id)
        newest = self.threads.get(thread_id, [])[-count:]
        return [StoredMessage(uuid=m.outbox_id, role=m.role, outbox_id=m.outbox_id) for m in newest]

    def ensure_user(self, user_id: str) -> None:
        """See ``ZepCalls``."""
        self._call("ensure_user", user_id)
        self.users.add(user_id)

    def ensure_thread(self, thread_id: str, user_id: str) -> bool:
        """See ``ZepCalls``."""
        self._call("ensure_thread", thread_id)
        if user_id not in self.users:
            return False
        self.threads.setdefault(thread_id, [])
        return True

    def delete_user(self, user_id: str) -> None:
        """See ``ZepCalls``; its threads stay, for a test to see what was in them."""
        self._call("delete_user", user_id)
        self.users.discard(user_id)


def _outcome(name: str) -> Outcome:
    try:
        return Outcome(name)
    except ValueError:
        raise ValueError(f"unknown outcome {name!r}: use one of {', '.join(Outcome)}") from None


class AsyncFakeZep:
    """A ``FakeZep`` for coroutines: same script, same state."""

    def __init__(self, zep: FakeZep) -> None:
        self._zep = zep

    async def read_context(self, thread_id: str) -> Answer:
        """See ``AsyncZepCalls``."""
        return self._zep.read_context(thread_id)

    async def add_messages(self, thread_id: str, messages: Sequence[OutgoingMessage]) -> None:
        """See ``AsyncZepCalls``."""
        self._zep.add_messages(thread_id, messages)

    async def newest_messages(self, thread_id: str, count: int) -> list[StoredMessage]:
        """See ``AsyncZepCalls``."""
        return self._zep.newest_messages(thread_id, count)

    async def ensure_user(self, user_id: str) -> None:
        """See ``AsyncZepCalls``."""
        self._zep.ensure_user(user_id)

    async def ensure_thread(self, thread_id: str, user_id: str) -> bool:
        """See ``AsyncZepCalls``."""
        return self._zep.ensure_thread(thread_id, user_id)

    async def delete_user(self, user_id: str) -> None:
        """See ``AsyncZepCalls``."""
        self._zep.delete_user(user_id)
