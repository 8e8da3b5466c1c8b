"""Zep in virtual time: users, threads and messages, and what goes wrong on the way there and back.

It stands where the SDK's adapter stands (``guard.zep.calls.ZepCalls``), so nothing here is about HTTP: a fault is what
that adapter makes of it, after ``guard.zep.classify``. It promises what v3 promises: messages are kept in the order of
the calls that brought them, and nothing is de-duplicated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from guard.core.table import Operation, Outcome
from guard.zep.calls import Answer, OutgoingMessage, StoredMessage, ZepFailure
from zepguard.simulate.plan import Fault
from zepguard.simulate.timeline import Timeline

__all__ = ["REFUSED_TEXT", "Zep", "ZepLine"]

T = TypeVar("T")

REFUSED_TEXT = "(Zep refuses this)"
"""A request with a message that says so is answered 400."""

_WAYS_S = (0.02, 0.02, 0.06, 0.11)
"""How long a request or an answer takes. A few values only, so that what began together often ends together."""


@dataclass(frozen=True, slots=True)
class _Kept:
    outbox_id: str
    role: str


class Zep:
    """What Zep keeps.

    Args:
        landed: told of each request whose messages were stored.
    """

    def __init__(self, landed: Callable[[str, Sequence[OutgoingMessage]], None]) -> None:
        self._landed = landed
        self._users: set[str] = set()
        self._threads: dict[str, list[_Kept]] = {}

    def add(self, request: str, thread_id: str, messages: Sequence[OutgoingMessage]) -> None:
        """Store messages, all or none."""
        if thread_id not in self._threads:
            raise ZepFailure(Outcome.NOT_FOUND, "HTTP 404", status=404)
        if any(REFUSED_TEXT in message.content for message in messages):
            raise ZepFailure(Outcome.REFUSED, "HTTP 400", status=400)
        self._threads[thread_id] += [_Kept(message.outbox_id, message.role) for message in messages]
        self._landed(request, messages)

    def newest(self, thread_id: str, count: int) -> list[StoredMessage]:
        """The newest messages, oldest first."""
        kept = self._threads.get(thread_id, [])[-count:]
        return [StoredMessage(uuid=f"z{n}", role=one.role, outbox_id=one.outbox_id) for n, one in enumerate(kept)]

    def context(self, thread_id: str) -> Answer:
        """A context that says how much there is to remember."""
        if thread_id not in self._threads:
            return Answer(text="", found=False)
        known = len(self._threads[thread_id])
        return Answer(text=f"{thread_id} has {known} messages" if known else "")

    def make_user(self, user_id: str) -> None:
        """Make a user."""
        self._users.add(user_id)

    def make_thread(self, thread_id: str, user_id: str) -> bool:
        """Make a thread; False without its user."""
        if user_id in self._users:
            self._threads.setdefault(thread_id, [])
        return user_id in self._users

    def forget(self, user_id: str) -> None:
        """Delete a user with the threads."""
        self._users.discard(user_id)


class ZepLine:
    """One call's way to Zep (``ZepCalls``), from a process that gives up at its deadline.

    Args:
        zep: at the other end.
        timeline: passes the time.
        operation: under which breaker it runs.
        request: a name for it.
        deadline_s: it is given up after so many seconds.
        faults: those in force for this process.
        rng: draws how long it takes and what goes wrong.
        sent: told when messages leave.
        ended: told of how it ended, for its sender.
    """

    def __init__(
        self,
        zep: Zep,
        timeline: Timeline,
        *,
        operation: Operation,
        request: str,
        deadline_s: float,
        faults: Callable[[], list[Fault]],
        rng: Random,
        sent: Callable[[str, Sequence[OutgoingMessage]], None],
        ended: Callable[[str, str], None],
    ) -> None:
        self._zep = zep
        self._timeline = timeline
        self._operation = operation
        self._request = request
        self._deadline_s = deadline_s
        self._faults = faults
        self._rng = rng
        self._sent = sent
        self._ended = ended

    # -- ZepCalls ----------------------------------------------------------------------------------------------------

    def read_context(self, thread_id: str) -> Answer:
        """Read the context block of a thread."""
        return self._call(lambda: self._zep.context(thread_id))

    def add_messages(self, thread_id: str, messages: Sequence[OutgoingMessage]) -> None:
        """Add messages to a thread."""
        self._sent(self._request, messages)
        try:
            self._call(lambda: self._zep.add(self._request, thread_id, messages))
        except ZepFailure as failure:
            self._ended(self._request, failure.outcome)
            raise
        self._ended(self._request, Outcome.ANSWERED)

    def newest_messages(self, thread_id: str, count: int) -> list[StoredMessage]:
        """Read the newest messages."""
        return self._call(lambda: self._zep.newest(thread_id, count))

    def ensure_user(self, user_id: str) -> None:
        """Make a user."""
        self._call(lambda: self._zep.make_user(user_id))

    def ensure_thread(self, thread_id: str, user_id: str) -> bool:
        """Make a thread."""
        return self._call(lambda: self._zep.make_thread(thread_id, user_id))

    def delete_user(self, user_id: str) -> None:
        """Delete a user."""
        self._call(lambda: self._zep.forget(user_id))

    # -- the way -----------------------------------------------------------------------------------------------------

    def _call(self, act: Callable[[], T]) -> T:
        there_s, back_s = self._rng.choice(_WAYS_S), self._rng.choice(_WAYS_S)
        luck = self._rng.random()
        fault = next((fault for fault in self._faults() if self._hits(fault) and luck < fault.share), None)
        if fault is not None:
            answer: T = self._go_wrong(fault, act, there_s, back_s)
            return answer
        self._timeline.sleep(there_s)
        value = act()
        self._timeline.sleep(back_s)
        return value

    def _hits(self, fault: Fault) -> bool:
        if fault.kind.startswith("store_"):
            return False
        return fault.kind.partition("_")[0] not in ("read", "write") or fault.kind.startswith(self._operation)

    def _go_wrong(self, fault: Fault, act: Callable[[], T], there_s: float, back_s: float) -> Any:
        kind = fault.kind.removeprefix("read_").removeprefix("write_")
        match kind:
            case "unreachable":
                self._timeline.sleep(there_s)
                raise ZepFailure(Outcome.CONNECTION, "ConnectError: refused")
            case "unauthorized" | "forbidden":
                self._timeline.sleep(there_s + back_s)
                raise ZepFailure(Outcome.AUTH, kind, status=401 if kind == "unauthorized" else 403)
            case "rate_limited":
                self._timeline.sleep(there_s + back_s)
                raise ZepFailure(Outcome.RATE_LIMITED, "HTTP 429", status=429, retry_after_s=fault.value)
            case "timeout" | "lost":
                return self._give_up()
            case "late":
                self._timeline.after(self._deadline_s + fault.value, lambda: _unheard(act))
                return self._give_up()
            case "slow":
                return self._slow(act)
        return self._answered_badly(kind, act, there_s, back_s)

    def _slow(self, act: Callable[[], T]) -> Any:
        """Around the deadline, on either side."""
        there_s = self._deadline_s * self._rng.uniform(0.5, 1.3)
        if there_s >= self._deadline_s:
            self._timeline.after(there_s, lambda: _unheard(act))
            return self._give_up()
        self._timeline.sleep(there_s)
        return act()

    def _answered_badly(self, kind: str, act: Callable[[], Any], there_s: float, back_s: float) -> Any:
        """Zep has done it, or it has not: its sender cannot tell."""
        applied = kind == "wrong_shape" or self._rng.random() < 0.5
        self._timeline.sleep(there_s)
        if applied:
            act()
        self._timeline.sleep(back_s)
        outcome = {"error": Outcome.SERVER_ERROR, "cut": Outcome.CONNECTION, "wrong_shape": Outcome.WRONG_SHAPE}[kind]
        raise ZepFailure(outcome, kind, ambiguous=True)

    def _give_up(self) -> Any:
        self._timeline.sleep(self._deadline_s)
        raise ZepFailure(Outcome.TIMEOUT, "ReadTimeout", ambiguous=True)


def _unheard(act: Callable[[], Any]) -> None:
    try:
        act()
    except ZepFailure:
        return
