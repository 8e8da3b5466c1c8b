"""Every kind of state that the record can be in, each reached by events and not written down by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from guard.core.events import AcquireProbe, AcquireTrial, Event, Force, Join, Policy, Report, Ticket
from guard.core.machine import step
from guard.core.modes import AUTOMATIC_REASONS, Reason
from guard.core.record import EMPTY, Record
from guard.core.table import Operation, Outcome, Phase

READ, WRITE = Operation.READ, Operation.WRITE
START = 1_700_000_000.0
TOKEN = "held"


@dataclass
class State:
    """A record, the time, and the reads that its trend has counted."""

    name: str
    policy: Policy
    record: Record = EMPTY
    now: float = START
    reads: list[tuple[float, float, bool]] = field(default_factory=list)

    def do(self, event: Event) -> None:
        self.record, _ = step(self.record, event, self.now, self.policy)

    def call(self, operation: Operation, outcome: Outcome, latency_s: float = 0.1, worker: str = "w1") -> None:
        phase = Phase.READ_WRITE if self.record.reason is None else Phase.WRITE_ONLY
        era, generation = self.record.breaker(operation).era, self.record.generation
        ticket = Ticket(operation=operation, phase=phase, generation=generation, era=era)
        before = self.record.generation
        self.do(Report(ticket=ticket, outcome=outcome, latency_s=latency_s, worker=worker))
        if operation is READ and phase is Phase.READ_WRITE and self.record.generation == before:
            self.reads.append((self.now, latency_s, outcome is Outcome.TIMEOUT))

    def fail(self, operation: Operation, times: int) -> None:
        for number in range(times):
            self.call(operation, Outcome.TIMEOUT, worker=f"w{number % 3 + 1}")

    def force(self, reason: Reason, ttl_s: float = 300.0, *, operator: bool = True) -> None:
        self.do(Force(reason=reason, ttl_s=ttl_s, operator=operator))
        self.reads.clear()

    def end_hold(self) -> None:
        self.now = max(self.now, self.record.until) + 0.25

    def lease(self) -> None:
        self.do(AcquireProbe(generation=self.record.generation, token=TOKEN))

    def open_read_breaker(self) -> None:
        """Open while the mode is read_write, as it is in a fleet whose downgrade takes more failures."""
        wide, self.policy = self.policy, replace(self.policy, failure_threshold=9, witnesses=1)
        self.fail(READ, 3)
        self.policy = wide

    def half_open(self, operation: Operation) -> None:
        self.now = max(self.now, self.record.breaker(operation).open_until) + 0.25

    def trial(self, operation: Operation) -> None:
        self.do(AcquireTrial(operation=operation, era=self.record.breaker(operation).era, token=TOKEN))

    def minutes(self, count: int, *, slow: int = 0, failed: int = 0) -> None:
        """So many minutes of six reads; of each six, so many are slow and so many fail."""
        for _ in range(count):
            for number in range(6):
                outcome = Outcome.TIMEOUT if number < failed else Outcome.ANSWERED
                self.call(READ, outcome, 0.5 if number >= 6 - slow else 0.1)
            self.now += 60.0


def _forced(reason: Reason) -> Callable[[State], None]:
    return lambda state: state.force(reason, operator=reason not in AUTOMATIC_REASONS)


def _ended(state: State) -> None:
    state.force(Reason.AUTH, operator=False)
    state.end_hold()


def _probing(state: State) -> None:
    _ended(state)
    state.lease()


def _probe_lost(state: State) -> None:
    """The lease ran out, and another has it."""
    _probing(state)
    state.now += state.policy.lease_s
    state.do(AcquireProbe(generation=state.record.generation, token="another"))


def _probing_with_failures(state: State) -> None:
    """The store forgot two failures, was forced, and got the failures back from a process that remembered."""
    state.fail(READ, 2)
    known = replace(state.record, generation=4)
    state.record = EMPTY
    state.force(Reason.MANUAL)
    state.do(Join(known=known))
    state.now += state.policy.lease_s
    state.end_hold()
    state.lease()


def _long_operator_hold(state: State) -> None:
    state.force(Reason.ROLLBACK, 86_400.0)


def _held_with_breakers(state: State) -> None:
    """Forced, both breakers open: what a restore has to close."""
    state.open_read_breaker()
    state.fail(WRITE, 3)
    _probing(state)


def _breaker(operation: Operation, *, half_open: bool = False, trial: bool = False) -> Callable[[State], None]:
    def build(state: State) -> None:
        if operation is READ:
            state.open_read_breaker()
        else:
            state.fail(WRITE, 3)
        if half_open or trial:
            state.half_open(operation)
        if trial:
            state.trial(operation)

    return build


def _both_open(state: State) -> None:
    state.open_read_breaker()
    state.now += 10.0
    state.fail(WRITE, 3)


def _opened_before(state: State) -> None:
    """A breaker was open once: its seconds are on the books."""
    _breaker(WRITE, trial=True)(state)
    ticket = Ticket(operation=WRITE, phase=Phase.READ_WRITE, generation=0, era=state.record.write.era, token=TOKEN)
    state.do(Report(ticket=ticket, outcome=Outcome.ANSWERED))
    state.fail(WRITE, 2)


def _write_trial_in_write_only(state: State) -> None:
    state.fail(WRITE, 3)
    state.force(Reason.MANUAL, 86_400.0)
    state.half_open(WRITE)
    state.trial(WRITE)


def _slow_for_fifteen_minutes(state: State) -> None:
    state.minutes(15, slow=1)


def _failing_for_ten_minutes(state: State) -> None:
    state.minutes(10, failed=1)


def _slow_for_fourteen(state: State) -> None:
    state.minutes(14, slow=1)


STATES: dict[str, Callable[[State], None]] = {
    "normal": lambda state: None,
    "one failure": lambda state: state.fail(READ, 1),
    "two failures": lambda state: state.fail(READ, 2),
    "two failures of writes": lambda state: state.fail(WRITE, 2),
    **{f"forced {reason.value}": _forced(reason) for reason in Reason},
    "forced for a day by an operator": _long_operator_hold,
    "hold ended": _ended,
    "probing": _probing,
    "probe lost": _probe_lost,
    "probing, two failures": _probing_with_failures,
    "probing, both breakers open": _held_with_breakers,
    "read breaker open": _breaker(READ),
    "read breaker half-open": _breaker(READ, half_open=True),
    "read trial": _breaker(READ, trial=True),
    "write breaker open": _breaker(WRITE),
    "write breaker half-open": _breaker(WRITE, half_open=True),
    "write trial": _breaker(WRITE, trial=True),
    "write trial in write_only": _write_trial_in_write_only,
    "both breakers open": _both_open,
    "write breaker closed again": _opened_before,
    "slow for 15 min": _slow_for_fifteen_minutes,
    "slow for 14 min": _slow_for_fourteen,
    "failing for 10 min": _failing_for_ten_minutes,
}


def build(name: str, policy: Policy) -> State:
    """The state of that name, a while into its life: so that an older generation and era exist."""
    state = State(name, policy)
    STATES[name](state)
    return state


def tickets(state: State, operation: Operation, phase: Phase) -> Iterator[Ticket]:
    """Of this state and of an older one, with and without the lease or trial that is out."""
    for older in (0, 1):
        for era in (0, 1):
            for token in ("", TOKEN, "nobody's"):
                yield Ticket(
                    operation=operation,
                    phase=phase,
                    generation=state.record.generation - older,
                    era=state.record.breaker(operation).era - era,
                    token=token,
                )
