"""Promises about the mode: never above base, no rise without the store, one truth, and back after the faults."""

from __future__ import annotations

from zepguard.history.checking import Rules
from zepguard.history.events import (
    Calm,
    Crashed,
    Died,
    Event,
    Flushed,
    ReadReturned,
    ReadSent,
    Saw,
    Started,
    State,
    Stepped,
    StoreBack,
    StoreLost,
    WriteSent,
)

__all__ = ["AloneNeverRises", "NeverAboveBase", "NothingRaised", "OneTruth", "Restored"]

_RANK = {"off": 0, "write_only": 1, "read_write": 2}


class NothingRaised:
    """Whatever Zep, the store or a process does is no exception in the app."""

    name = "nothing_raised"

    def see(self, event: Event) -> str | None:
        """Any exception that came out is one too many."""
        return f"{event.process}: {event.error}" if isinstance(event, Crashed) else None


class NeverAboveBase:
    """No process does, or says that it does, more than its base mode allows."""

    name = "never_above_base"

    def __init__(self) -> None:
        self._base: dict[str, str] = {}

    def see(self, event: Event) -> str | None:
        """Compare each sight of a mode, and each call, with the base mode."""
        match event:
            case Started(process=process, base=base):
                self._base[process] = base
            case Saw(process=process, mode=mode) if _RANK[mode] > _RANK[self._base[process]]:
                return f"{process} is {mode} on base {self._base[process]}"
            case ReadSent(process=process) if self._base[process] != "read_write":
                return f"{process} reads on base {self._base[process]}"
            case WriteSent(process=process) if self._base[process] == "off":
                return f"{process} writes on base off"
        return None


class AloneNeverRises:
    """While the store is away for a process, its mode stays or falls."""

    name = "alone_never_rises"

    def __init__(self) -> None:
        self._mode: dict[str, str] = {}
        self._alone: set[str] = set()

    def see(self, event: Event) -> str | None:
        """Compare each sight of a mode with the one before."""
        match event:
            case Started(process=process, base=base):
                self._mode[process] = base
                self._alone.discard(process)
            case StoreLost(process=process):
                self._alone.add(process)
            case StoreBack(process=process):
                self._alone.discard(process)
            case Saw(process=process, mode=mode):
                before, self._mode[process] = self._mode[process], mode
                if process in self._alone and _RANK[mode] > _RANK[before]:
                    return f"{process} went from {before} to {mode} without the store"
        return None


class OneTruth:
    """A process that can reach the store acts on a view no older than it may be: no read but a probe while forced.

    And a probe only once the hold has ended. A flushed store forgets, and a clock that is set moves the end of a hold:
    both are seen in the record, so the rule stands.
    """

    name = "one_truth"
    _SLACK_S = 0.1
    """For answers on their way."""

    def __init__(self, rules: Rules) -> None:
        self._late_s = rules.view_age_s + 2 * rules.store_answer_s + self._SLACK_S
        self._forced_at: float | None = None
        self._since: dict[str, float] = {}
        self._alone: set[str] = set()

    def see(self, event: Event) -> str | None:
        """Follow the record, and hold each read against it."""
        match event:
            case Stepped(at=at, state=state):
                if not state.reason:
                    self._forced_at = None
                elif self._forced_at is None:
                    self._forced_at = at
            case Flushed():
                self._forced_at = None
            case Started(process=process) | StoreBack(process=process):
                self._alone.discard(process)
                self._since[process] = event.at
            case StoreLost(process=process):
                self._alone.add(process)
            case ReadSent(process=process, mode="read_write", decided_at=decided_at) if process not in self._alone:
                if self._forced_at is not None and self._forced_at < decided_at - self._late_s:
                    return f"{process} decided to read at {decided_at:.3f} s; forced since {self._forced_at:.3f} s"
        return None


class Restored:
    """Within one hold and one message after the last fault, the record is not forced any more; and then reads work.

    A hold that an operator or Zep's ``Retry-After`` made longer counts as it was made. Who has the message: the first
    turn that begins, on a process whose base mode reads, once hold and lease are over. A breaker that was open has had
    its trial a while later, and each turn of such a process has an answer of Zep or one kept from before.
    """

    name = "restored"
    _ANSWERED = frozenset({"fresh", "empty", "cached"})
    _SLACK_S = 2.5
    """For a view's age, and a process that comes back to the store."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._base: dict[str, str] = {}
        self._state = State()
        self._ends_at = 0.0  # of hold and lease, by the true clock
        self._due: float | None = None

    def see(self, event: Event) -> str | None:
        """Follow the record; after the calm, wait for its end."""
        match event:
            case Started(process=process, base=base):
                self._base[process] = base
            case Died(process=process):
                self._base.pop(process, None)
            case Stepped(at=at, now=now, state=state):
                self._state = state
                self._ends_at = at + max(state.until - now, state.lease_until - now, 0.0)
            case Flushed():
                self._state = State()
            case Calm(at=at):
                hold = max(at + self._rules.hold_s, self._ends_at)
                self._due = hold + self._rules.lease_s + self._SLACK_S
            case ReadReturned():
                return self._judge(event)
        return None

    def _judge(self, read: ReadReturned) -> str | None:
        if self._due is None or read.began_at < self._due or self._base.get(read.process) != "read_write":
            return None
        when = f"a turn of {read.process} that began at {read.began_at:.3f} s"
        if self._state.reason:
            return f"still forced ({self._state.reason}) after {when}"
        trial_s = self._rules.breaker_open_s + self._rules.lease_s
        if read.began_at >= self._due + trial_s and read.status not in self._ANSWERED:
            return f"{when} is {read.status} ({read.detail})"
        return None
