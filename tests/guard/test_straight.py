"""The straight way of the sync shell does what the engine's steps do: the same histories by both, side by side."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from guard.core.events import Event, Force
from guard.core.modes import Reason
from guard.core.results import ContextResult, ContextStatus
from guard.core.settings import read_settings
from guard.core.table import Operation, Outcome
from guard.engine import WriteResult
from guard.errors import StoreUnavailable
from guard.notices import Notice
from guard.service import MemoryService
from guard.store.memory import MemoryStore
from guard.store.protocol import Applied, ThreadEntry
from guard.telemetry import Telemetry
from guard.testing import FakeClock
from guard.zep.calls import Answer, ZepFailure

T = TypeVar("T")

SETTINGS = read_settings(
    {"FLAG_ZEP_WRITE": "true", "FLAG_ZEP_READ": "true", "ZEP_ENABLED": "true", "ZEP_API_KEY": "k"},
)


class Heard(Telemetry):
    def __init__(self, seen: list[Any]) -> None:
        super().__init__()
        self.seen = seen

    def tell(self, notice: Notice) -> None:
        self.seen.append(notice)


class Interrupted(BaseException):
    """As a coroutine's cancellation, or a signal's handler."""


class Process:
    """One process with a store, a Zep and a clock of its own, and all that it asks and tells, in order."""

    def __init__(self, service: type[MemoryService]) -> None:
        self.seen: list[Any] = []
        self.clock = FakeClock()
        self.kept = MemoryStore(SETTINGS.policy, clock=self.clock.wall)
        self.outcome = Outcome.ANSWERED
        self.text = "tea"
        self.latency_s = 0.1
        self.away, self.during_call = False, ""
        self.service = service(
            SETTINGS,
            store=lambda: self,  # type: ignore[arg-type,return-value]
            zep=lambda: self,  # type: ignore[arg-type,return-value]
            telemetry=Heard(self.seen),
            monotonic=self.clock.monotonic,
            wall=self.clock.wall,
        )
        tokens = count()
        self.service.engine._token = lambda: f"token{next(tokens)}"
        self.service.engine.sight._worker = self.service.engine.worker = "w"

    # the store
    def _asked(self, what: str, answer: Callable[[], T]) -> T:
        self.seen.append((what, self.away))
        if self.away:
            raise StoreUnavailable("away")
        return answer()

    def snapshot(self) -> Applied:
        return self._asked("snapshot", self.kept.snapshot)

    def apply(self, event: Event) -> Applied:
        return self._asked(repr(event), lambda: self.kept.apply(event))

    def thread_entry(self, thread_id: str, user_id: str = "") -> ThreadEntry:
        return self._asked(f"{thread_id} {user_id}", lambda: self.kept.thread_entry(thread_id, user_id))

    def claim_refresh(self, thread_id: str, *, lease_s: float) -> bool:
        return self._asked(f"claim {thread_id}", lambda: self.kept.claim_refresh(thread_id, lease_s=lease_s))

    # Zep
    def read_context(self, thread_id: str) -> Answer:
        self.seen.append(f"call {thread_id}")
        self.clock.advance(self.latency_s)
        match self.during_call:
            case "away":
                self.away = True
            case "lost":  # another thread of the process asked a store that was away
                self.service.engine.sight.lost()
            case "forgets":
                self.kept = MemoryStore(SETTINGS.policy, clock=self.clock.wall)
            case "overtaken":  # another thread saw a generation that the store then forgot
                self.kept.apply(Force(reason=Reason.MANUAL, ttl_s=5.0))
                self.service.engine.sight.keep(self.kept.snapshot(), self.clock.monotonic())
                self.kept = MemoryStore(SETTINGS.policy, clock=self.clock.wall)
            case "forced":  # by an operator, from another process
                self.kept.apply(Force(reason=Reason.MANUAL, ttl_s=5.0))
            case "interrupt":
                raise Interrupted
        if self.outcome is Outcome.ANSWERED:
            return Answer(text=self.text)
        if self.outcome is Outcome.NOT_FOUND:
            return Answer(text="", found=False)
        raise ZepFailure(self.outcome, "scripted", retry_after_s=7.0)

    # what happens
    def happens(self, what: dict[str, Any]) -> Any:
        for name in what.keys() - {"operation", "user", "thread", "pause_s", "full"}:
            setattr(self, name, what[name])
        self.clock.advance(what["pause_s"])
        places = self.service.engine._free[what["operation"]]
        taken = [places.pop() for _ in range(len(places))] if what["full"] else []
        try:
            if what["operation"] is Operation.READ:
                return self.service.read_context(user_id=what["user"], thread_id=what["thread"])
            return self.service.write(what["thread"], lambda zep: zep.read_context(what["thread"]))
        except Interrupted:
            return "interrupted"
        finally:
            places.extend(taken)

    def end(self) -> tuple[Any, ...]:
        engine = self.service.engine
        sight, free = engine.sight, engine._free
        known = (sight.mode, sight.alone, sight.record, sight.fresh_until, engine._contexts._kept)
        return (self.kept.snapshot(), *known, {operation: len(places) for operation, places in free.items()})


class ByTheSteps(MemoryService):
    """The engine's steps, each carried out as a command."""

    def read_context(self, *, user_id: str, thread_id: str) -> ContextResult:
        return self._run(self.engine.read_context(user_id, thread_id))

    def write(self, thread_id: str, perform: Callable[[Any], Any]) -> WriteResult:
        return self._run(self.engine.write(thread_id, perform))


def mostly(value: Any, *others: Any, times: int = 1) -> st.SearchStrategy[Any]:
    """One value most of the time, as in life."""
    return st.sampled_from([*[value] * times, *others])


happenings = st.fixed_dictionaries(
    {
        "operation": st.sampled_from(Operation),
        "user": mostly("u", "v", times=3),
        "thread": mostly("a", "b"),
        "outcome": mostly(Outcome.ANSWERED, Outcome.TIMEOUT, *Outcome, times=6),
        "text": st.sampled_from(["", "tea", "milk"]),
        "latency_s": mostly(0.1, 0.0, 1.5, times=4),
        "pause_s": mostly(0.5, 0.0, 2.0, 31.0, 61.0, 301.0, 700.0, times=6),
        "away": mostly(False, True, times=11),
        "during_call": mostly("", "away", "lost", "forgets", "overtaken", "forced", "interrupt", times=15),
        "full": mostly(False, True, times=15),
    }
)


def usual(operation: Operation = Operation.READ, **other: Any) -> dict[str, Any]:
    base = {"user": "u", "thread": "a", "outcome": Outcome.ANSWERED, "text": "", "latency_s": 0.1, "pause_s": 0.5}
    return {"operation": operation, **base, "away": False, "during_call": "", "full": False, **other}


@example([usual(), usual(during_call="forced")])
@example([usual(), usual(during_call="forced"), usual(pause_s=31.0), usual(), usual(during_call="forgets")])
@example([usual(), usual(during_call="overtaken")])
@example([usual(Operation.WRITE, outcome=Outcome.TIMEOUT)] * 4)
@given(st.lists(happenings, min_size=1, max_size=30))
def test_both_ways_ask_tell_and_give_the_same(history: list[dict[str, Any]]) -> None:
    straight, stepwise = Process(MemoryService), Process(ByTheSteps)
    for what in history:
        assert repr(straight.happens(what)) == repr(stepwise.happens(what))
        assert [repr(one) for one in straight.seen] == [repr(one) for one in stepwise.seen]
        assert straight.end() == stepwise.end()


def test_a_clear_call_takes_the_straight_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the test above would compare the steps with themselves."""
    process = Process(MemoryService)
    assert process.service.mode().reads
    steps: list[Any] = []
    monkeypatch.setattr(process.service, "_run", steps.append)
    assert process.service.read_context(user_id="u", thread_id="a").status is ContextStatus.FRESH
    assert process.service.write("a", lambda zep: zep.read_context("a")).ok
    assert steps == []
    process.service.read_context(user_id="u", thread_id="a")  # kept in the process now
    assert len(steps) == 1


def test_what_a_downgrade_keeps_back_does_not_leave() -> None:
    process = Process(MemoryService)
    process.outcome = Outcome.AUTH
    assert process.service.read_context(user_id="u", thread_id="a").status is ContextStatus.FAILED
    process.outcome = Outcome.ANSWERED
    result = process.service.read_context(user_id="u", thread_id="b")
    assert (result.status, result.detail) == (ContextStatus.SKIPPED, Reason.AUTH)
    assert process.seen.count("call b") == 0
