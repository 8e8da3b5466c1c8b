"""Promises about messages: none lost, none twice within the guarantee, in order, and no personal data."""

from __future__ import annotations

from dataclasses import dataclass, field

from zepguard.history.checking import Rules
from zepguard.history.events import (
    Accepted,
    ClockMoved,
    Dead,
    Delivered,
    Died,
    Event,
    Landed,
    Over,
    SendingAgain,
    WriteEnded,
    WriteSent,
)

__all__ = ["InOrder", "NoPersonalData", "NothingLost", "NothingTwice"]


class NothingLost:
    """An accepted message is in Zep, or a dead letter that Zep refused, when the run is over; and never said to be
    there while it is not."""

    name = "nothing_lost"

    def __init__(self) -> None:
        self._accepted: dict[str, None] = {}
        self._there: set[str] = set()
        self._dead: set[str] = set()
        self._sent: dict[str, tuple[str, ...]] = {}
        self._refused: set[str] = set()

    def see(self, event: Event) -> str | None:
        """Keep the books."""
        match event:
            case Accepted(message=message):
                self._accepted[message] = None
            case WriteSent(request=request, messages=messages):
                self._sent[request] = messages
            case WriteEnded(request=request, outcome="refused"):
                self._refused.update(self._sent[request])
            case Landed(messages=messages):
                self._there.update(messages)
            case Delivered(message=message) if message not in self._there:
                return f"{message} is taken for delivered, and Zep does not have it"
            case Dead(message=message):
                self._dead.add(message)
                if message not in self._refused:
                    return f"{message} is a dead letter, and Zep never refused it"
            case Over():
                lost = [m for m in self._accepted if m not in self._there and m not in self._dead]
                if lost:
                    return f"accepted and neither in Zep nor dead: {', '.join(lost)}"
        return None


@dataclass(slots=True)
class _Request:
    """A write, as far as it is known."""

    process: str
    messages: tuple[str, ...]
    number: int
    moved_s: float
    ended_at: float | None = None
    landed_at: float | None = None


@dataclass(slots=True)
class _Copies:
    """The requests that carried one message and landed."""

    landed: list[_Request] = field(default_factory=list)
    reported: bool = False


class NothingTwice:
    """No message is there twice if Zep applies a request within ``settle_s`` of its end; else that is reported.

    The end of a request is when its sender gave up or died. The wait is measured by the delivering processes' wall
    clocks: by as much as those were set, or differ, it may be shorter.
    """

    name = "nothing_twice"

    def __init__(self, rules: Rules) -> None:
        self._settle_s = rules.settle_s
        self._requests: dict[str, _Request] = {}
        self._copies: dict[str, _Copies] = {}
        self._offset: dict[str, float] = {}
        self._moved_s = 0.0

    def see(self, event: Event) -> str | None:
        """Follow each request; a second landing is the moment to judge."""
        match event:
            case ClockMoved(process=process, by_s=by_s):
                self._offset[process] = self._offset.get(process, 0.0) + by_s
                self._moved_s += abs(by_s)
            case WriteSent(process=process, request=request, messages=messages):
                number = len(self._requests)
                self._requests[request] = _Request(process, messages, number, self._moved_s)
            case WriteEnded(at=at, request=request):
                self._requests[request].ended_at = at
            case Died(at=at, process=process):
                for one in self._requests.values():
                    if one.process == process and one.ended_at is None:
                        one.ended_at = at
            case SendingAgain(message=message):
                self._copies.setdefault(message, _Copies()).reported = True
            case Landed(at=at, request=request):
                return self._landed(at, self._requests[request])
        return None

    def _landed(self, at: float, request: _Request) -> str | None:
        request.landed_at = at
        wrong = [self._copy(message, request) for message in request.messages]
        return "; ".join(text for text in wrong if text) or None

    def _copy(self, message: str, request: _Request) -> str | None:
        copies = self._copies.setdefault(message, _Copies())
        others, copies.landed = copies.landed, [*copies.landed, request]
        if not others:
            return None
        if not copies.reported:
            return f"{message} is there twice, and the outbox does not say so"
        first = min(copies.landed, key=lambda one: one.number)
        late_s = self._late_s(first)
        if late_s <= self._settle_s - self._narrowed_s(first):
            when = f"{late_s:.3f} s after its end" if late_s > 0 else "before its end"
            return f"{message} is there twice; the first request landed {when}, within settle_s"
        return None

    def _late_s(self, request: _Request) -> float:
        assert request.landed_at is not None
        return request.landed_at - (request.landed_at if request.ended_at is None else request.ended_at)

    def _narrowed_s(self, request: _Request) -> float:
        offsets = [*self._offset.values(), 0.0]
        return max(offsets) - min(offsets) + self._moved_s - request.moved_s


class InOrder:
    """The messages of a thread come to Zep in the order in which they were accepted."""

    name = "in_order"

    def __init__(self) -> None:
        self._thread: dict[str, str] = {}
        self._waiting: dict[str, list[str]] = {}

    def see(self, event: Event) -> str | None:
        """Compare the first landing of each message with what was accepted before."""
        match event:
            case Accepted(message=message, thread=thread):
                self._thread[message] = thread
                self._waiting.setdefault(thread, []).append(message)
            case Dead(message=message):
                self._gone(message)
            case Landed(messages=messages):
                wrong = [text for text in map(self._first, messages) if text]
                return "; ".join(wrong) or None
        return None

    def _first(self, message: str) -> str | None:
        waiting = self._waiting[self._thread[message]]
        if message not in waiting:
            return None
        before = waiting[: waiting.index(message)]
        self._gone(message)
        return f"{message} is there before {', '.join(before)}" if before else None

    def _gone(self, message: str) -> None:
        waiting = self._waiting[self._thread[message]]
        if message in waiting:
            waiting.remove(message)


class NoPersonalData:
    """What a person's text had of personal data is neither in the outbox nor in Zep."""

    name = "no_personal_data"

    def __init__(self) -> None:
        self._secrets: dict[str, str] = {}

    def see(self, event: Event) -> str | None:
        """Look for each secret in each text that is kept."""
        match event:
            case Accepted(text=text, secrets=secrets, message=message):
                self._secrets |= {_bare(secret): message for secret in secrets}
                return self._look(text, "the outbox")
            case Landed(texts=texts):
                return self._look(" ".join(texts), "Zep")
        return None

    def _look(self, text: str, where: str) -> str | None:
        bare = _bare(text)
        found = [message for secret, message in self._secrets.items() if secret in bare]
        return f"personal data of {', '.join(found)} is in {where}" if found else None


def _bare(text: str) -> str:
    """Without what can be put between the digits of a number."""
    return "".join(c for c in text.lower() if c.isalnum() or c == "@")
