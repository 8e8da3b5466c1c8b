"""Decides, from what the workers say and when, what the person hears and when the turn is asked again.

Pure: no clock, no network. A worker may die at any moment, and a task popped by a dying one is nowhere (neither in the
queue nor unacknowledged), so silence is the only sign. Each time the turn is asked again it is a new *attempt*:

- Nobody has started after ``resend_s``: the task may be lost, or only queue. Attempt 2 may take the turn if nobody has
  it yet; so a busy fleet does not answer twice. The waits double, and attempt 3 may also take over from attempt 1.
- An attempt has started and says nothing for ``silence_s``, longer than a read of memory may take: it is dead. The next
  attempt may take over from it and from all before.

The newest attempt that has started is the one to follow. The person never hears a token twice: what it repeats is
swallowed, what goes on is passed on, and what differs is preceded by a reset.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chatapp.turns.events import Done, Event, Failed, NotYours, Reset, Said, Started, Token, Unavailable

__all__ = ["Patience", "Relay", "Resend"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long to wait, seconds: for a start, for the next word of an attempt that started, for the whole turn."""

    resend_s: float
    silence_s: float
    deadline_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Resend:
    """Ask again, as ``attempt``, which may take the turn from attempts up to ``supersedes``."""

    attempt: int
    supersedes: int


class Relay:
    """One turn as the web sees it.

    Args:
        patience: the waits.
        now: when the first attempt is sent, seconds of any clock that only goes forward.
    """

    def __init__(self, patience: Patience, now: float) -> None:
        self._patience = patience
        self._give_up_at = now + patience.deadline_s
        self._ask_at = now + patience.resend_s
        self._wait_s = patience.resend_s
        self._started = 0  # the newest attempt that has
        self._draft = ""  # what that one has said
        self._sent = ""  # what the person has heard
        self.attempts = 1

    def wake_at(self) -> float:
        """When ``due`` has something to say if no event comes before."""
        return min(self._give_up_at, self._ask_at)

    def remaining_s(self, now: float) -> float:
        """Seconds until the deadline."""
        return max(0.0, self._give_up_at - now)

    def due(self, now: float) -> Resend | Unavailable | None:
        """What is to be done now for want of events."""
        if now >= self._give_up_at:
            return Unavailable("no worker answered in time")
        if now < self._ask_at:
            return None
        self.attempts += 1
        self._ask_at = now + self._wait_s * 2
        self._wait_s *= 2
        return Resend(attempt=self.attempts, supersedes=max(self._started, self.attempts - 2))

    def hear(self, attempt: int, said: Said, now: float) -> Iterator[Event]:
        """Take one event of one attempt; gives what the person is to hear."""
        match said:
            case Done(reply=reply):  # whichever attempt says so: the database lets one finish
                self._draft = reply
                yield from self._catch_up(finished=True)
                yield said
            case NotYours():
                yield said
            case Failed():
                if attempt >= self._started:
                    yield said
            case Started():
                self._follow(attempt, now)
            case Token(text) if attempt >= self._started:
                self._follow(attempt, now)
                self._draft += text
                yield from self._catch_up()

    def _follow(self, attempt: int, now: float) -> None:
        if attempt < self._started:
            return
        if attempt > self._started:
            self._started, self._draft = attempt, ""
        self._ask_at = now + self._patience.silence_s
        self._wait_s = self._patience.resend_s

    def _catch_up(self, *, finished: bool = False) -> Iterator[Event]:
        if self._sent.startswith(self._draft) and not (finished and self._draft != self._sent):
            return
        new = self._draft.removeprefix(self._sent)
        if not self._draft.startswith(self._sent):
            yield Reset()
        self._sent = self._draft
        yield Token(new)
