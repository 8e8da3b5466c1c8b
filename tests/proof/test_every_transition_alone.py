"""The same states and outcomes while the store is away, through the real engine: the mode may fall and never rises."""

from __future__ import annotations

from collections.abc import Generator
from itertools import count, product
from typing import Any

import pytest

from guard.core.admission import effective_mode
from guard.core.events import Event, Policy
from guard.core.machine import step
from guard.core.modes import Mode
from guard.core.record import Record, decode_record, encode_record
from guard.core.table import Operation, Outcome
from guard.engine import Ask, Call, Called, Engine
from guard.errors import StoreUnavailable
from guard.store.protocol import Applied, ThreadEntry
from guard.zep.calls import Answer, ZepFailure
from tests.proof.oracle import BAD, GOOD
from tests.proof.states import STATES, State, build

POLICY = Policy(witnesses=2)  # alone there is no other witness
RANK = {Mode.OFF: 0, Mode.WRITE_ONLY: 1, Mode.READ_WRITE: 2}


class Fleet:
    """One record, three engines, a stub shell that carries their commands out, and one clock."""

    def __init__(self, state: State, base: Mode) -> None:
        self.record, self.now, self.base = state.record, state.now, base
        self.away = False
        self.away_during_call = False
        self.outcome = Outcome.ANSWERED
        self.sent: list[Operation] = []
        tokens = (f"token{number}" for number in count())
        self.engines = [
            Engine(base, POLICY, worker=f"w{n}", monotonic=self.clock, wall=self.clock, token=lambda: next(tokens))
            for n in range(3)
        ]
        for engine in self.engines:
            self.run(engine.look())

    def clock(self) -> float:
        return self.now

    # the store
    def snapshot(self) -> Applied:
        return Applied(record=decode_record(encode_record(self.record)), now=self.now)

    def apply(self, event: Event) -> Applied:
        self.record, effects = step(self.record, event, self.now, POLICY)
        return Applied(record=decode_record(encode_record(self.record)), now=self.now, effects=effects)

    def thread_entry(self, thread_id: str, user_id: str) -> ThreadEntry:
        return ThreadEntry()

    def claim_refresh(self, thread_id: str, *, lease_s: float) -> bool:
        return True

    # the shell
    def run(self, steps: Generator[Any, Any, Any]) -> Any:
        try:
            command = next(steps)
            while True:
                command = steps.send(self._carry_out(command))
        except StopIteration as stop:
            return stop.value

    def _carry_out(self, command: Any) -> Any:
        if isinstance(command, Ask):
            return StoreUnavailable("away") if self.away else command.ask(self)
        if isinstance(command, Call):
            self.sent.append(command.operation)
            self.away = self.away or self.away_during_call
            if self.outcome is Outcome.ANSWERED:
                return Called(value=Answer(text="tea"), latency_s=0.1)
            if self.outcome is Outcome.NOT_FOUND:
                return Called(value=Answer(text="", found=False), latency_s=0.1)
            return Called(failure=ZepFailure(self.outcome, "stub", retry_after_s=400.0), latency_s=0.1)
        return None

    def call(self, engine: Engine, operation: Operation) -> None:
        if operation is Operation.READ:
            self.run(engine.read_context("u", f"thread {len(self.sent)}"))
        else:
            self.run(engine.write("t", lambda zep: None))

    def mode_of(self, engine: Engine) -> Mode:
        return self.run(engine.look())


def may_fall(known: Record, operation: Operation, outcome: Outcome, calls: int) -> bool:
    """By the checklist, for one process and what it knows: an auth failure at once, a third failed read in a row."""
    if known.reason is not None:
        return False  # it is down already
    if outcome is Outcome.AUTH:
        return calls > 0
    return operation is Operation.READ and outcome.value in BAD and calls > 0 and known.failures + calls >= 3


CASES = list(product(Operation, Outcome))


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("base", Mode)
def test_alone_the_mode_falls_by_the_processs_own_count_and_never_rises(name: str, base: Mode) -> None:
    """Each of three workers makes up to four calls by itself, whatever they end as."""
    for operation, outcome in CASES:
        fleet = Fleet(build(name, POLICY), base)
        fleet.outcome = outcome
        known = fleet.record
        fleet.now += 1.0
        fleet.away = True
        for engine in fleet.engines:
            start = effective_mode(base, known)
            begun = len(fleet.sent)
            lowest = start
            for _ in range(4):
                fleet.call(engine, operation)
                mode = fleet.mode_of(engine)
                assert RANK[mode] <= RANK[lowest], (operation, outcome)
                lowest = mode
                fleet.now += 2.0  # past the store's retry: it is asked again, and is away
            calls = len(fleet.sent) - begun
            fell = lowest is not start
            assert fell == (may_fall(known, operation, outcome, calls) and base.reads), (operation, outcome, calls)
            if operation is Operation.READ and (known.reason is not None or not base.reads):
                assert calls == 0, "a read was sent from write_only: nobody may probe who cannot see the others"


@pytest.mark.parametrize("name", STATES)
def test_on_return_what_three_workers_did_alone_counts_once(name: str) -> None:
    for operation, outcome in CASES:
        fleet = Fleet(build(name, POLICY), Mode.READ_WRITE)
        fleet.outcome = outcome
        known = fleet.record
        fleet.now += 1.0
        fleet.away = True
        for engine in fleet.engines:
            for _ in range(3):
                fleet.call(engine, operation)
        fell = [fleet.mode_of(engine) for engine in fleet.engines].count(Mode.WRITE_ONLY) if not known.reason else 0
        fleet.away = False
        for _ in range(2):  # the first to return is one witness; it sees a second later what the others brought
            fleet.now += 1.0
            modes = {fleet.mode_of(engine) for engine in fleet.engines}
        before, after = sum(known.downgrades.values()), sum(fleet.record.downgrades.values())
        assert after - before == (1 if fell else 0), (operation, outcome)
        assert modes == {effective_mode(Mode.READ_WRITE, fleet.record)}
        assert fleet.record.joins == known.joins + 3
        assert known.reason is None or fleet.record.reason is known.reason


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("name", [name for name in STATES if "hold ended" in name])
def test_a_probe_whose_report_was_lost_restores_only_once_the_store_has_it(name: str, outcome: Outcome) -> None:
    fleet = Fleet(build(name, POLICY), Mode.READ_WRITE)
    fleet.outcome, fleet.away_during_call = outcome, True
    prober = fleet.engines[0]
    fleet.call(prober, Operation.READ)
    assert fleet.sent == [Operation.READ]
    assert fleet.mode_of(prober) is Mode.WRITE_ONLY, "it has answered, and nobody else knows"
    fleet.away = fleet.away_during_call = False
    fleet.now += 1.0
    expected = Mode.READ_WRITE if outcome.value in GOOD else Mode.WRITE_ONLY
    assert fleet.mode_of(prober) is expected
    assert (fleet.record.restores == 1) == (expected is Mode.READ_WRITE)
    assert sum(fleet.record.probes.values()) == 1


@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize("outcome", Outcome)
def test_a_store_lost_during_a_call_never_lifts_the_mode(operation: Operation, outcome: Outcome) -> None:
    for name in STATES:
        fleet = Fleet(build(name, POLICY), Mode.READ_WRITE)
        fleet.outcome, fleet.away_during_call = outcome, True
        before = effective_mode(Mode.READ_WRITE, fleet.record)
        for engine in fleet.engines:
            fleet.away = False
            fleet.call(engine, operation)
            assert RANK[fleet.mode_of(engine)] <= RANK[before], name
