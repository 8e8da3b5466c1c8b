"""Faults on the wire as the real SDK meets them: what comes of a call, after how long, and whether Zep had it."""

import random
from contextlib import nullcontext
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from chaos.fault import Fault
from chaos.faults import FAULTS
from chaos.faults.black_hole import BlackHole
from chaos.faults.drip import Drip
from chaos.faults.half_answer import HalfAnswer
from chaos.faults.http_401 import Http401
from chaos.faults.http_403 import Http403
from chaos.faults.http_429 import Http429
from chaos.faults.http_503 import Http503
from chaos.faults.late_answer import LateAnswer
from chaos.faults.late_write import LateWrite
from chaos.faults.latency import Latency
from chaos.faults.lost_answer import LostAnswer
from chaos.faults.maintenance import Maintenance
from chaos.faults.message_refused import MessageRefused
from chaos.faults.no_op import NoOp
from chaos.faults.refused import Refused
from chaos.faults.reset import Reset
from fakezep import FakeZep, Kind
from fakezep import Fault as ZepFault
from fakezep import Latency as ZepLatency
from guard.core.table import Outcome
from guard.zep.calls import OutgoingMessage, ZepFailure
from guard.zep.sdk import SdkZep
from zepguard.worlds.sim.clock import VirtualClock
from zepguard.worlds.sim.wire import ZEP_HOST, Wire

DEADLINE_S = 1.5
MESSAGE = OutgoingMessage(outbox_id="1", role="user", content="hello", created_at="2026-01-05T08:00:00Z")


@dataclass
class Line:
    """An SDK client, the wire and the fake behind it."""

    clock: VirtualClock
    zep: FakeZep
    wire: Wire
    sdk: SdkZep

    def add(self) -> tuple[str, float, float]:
        """What came of one write, how long it took, and how many messages Zep holds then."""
        began = self.clock.monotonic()
        try:
            self.sdk.add_messages("t", [MESSAGE])
            outcome = "answered"
        except ZepFailure as failure:
            outcome = failure.outcome.value
        return outcome, self.clock.monotonic() - began, len(self.zep.store.messages_of("t"))


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    clock, zep = VirtualClock(), FakeZep()
    monkeypatch.setattr("guard.zep.deadline.time", SimpleNamespace(monotonic=clock.monotonic))  # frozen in a world
    wire = Wire(zep, clock, random.Random(0))
    (key,) = zep.settings.api_keys
    sdk = SdkZep(
        base_url=f"http://{ZEP_HOST}",
        api_key=key,
        timeout_s=DEADLINE_S,
        transport=wire.transport(),
        clock=clock.time,
    )
    sdk.ensure_user("u")
    sdk.ensure_thread("t", "u")
    return Line(clock, zep, wire, sdk)


def test_a_call_takes_the_latency_that_the_fake_draws(line: Line) -> None:
    line.zep.latency.put(ZepLatency(seconds=0.25))
    assert line.add() == ("answered", 0.25, 1)


def test_a_latency_over_the_deadline_is_a_timeout_at_the_deadline_and_the_write_counts(line: Line) -> None:
    line.zep.latency.put(ZepLatency(seconds=2))
    assert line.add() == ("timeout", DEADLINE_S, 1)


@pytest.mark.parametrize(
    ("fault", "outcome", "took_s", "stored"),
    [
        (NoOp(), "answered", 0.0, 1),
        (BlackHole(), "timeout", DEADLINE_S, 0),
        (Refused(), "connection", 0.0, 0),
        (Latency(latency_ms=500), "answered", 0.5, 1),
        (Latency(latency_ms=1501), "timeout", DEADLINE_S, 1),
        (Reset(), "connection", 0.0, 1),
        (Reset(stream="upstream", after_ms=250), "connection", 0.25, 0),
        (Drip(), "timeout", DEADLINE_S, 1),
        (HalfAnswer(), "connection", 0.0, 1),
        (Http401(), "auth", 0.0, 0),
        (Http403(), "auth", 0.0, 0),
        (Http429(), "rate_limited", 0.0, 0),
        (Http503(), "server_error", 0.0, 0),
        (LostAnswer(), "connection", 0.0, 1),
        (LateAnswer(delay_s=1, routes=("add_messages",)), "answered", 1.0, 1),
        (LateWrite(delay_s=1), "answered", 1.0, 1),
        (MessageRefused(content="ell"), "refused", 0.0, 0),
        (Maintenance(), "wrong_shape", 0.0, 0),
        (Maintenance(status=500), "server_error", 0.0, 0),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_each_fault_does_to_a_write_what_it_does_on_the_stack(
    line: Line, fault: Fault, outcome: str, took_s: float, stored: int
) -> None:
    live = line.wire.start_fault(fault)
    assert not live.seen().seen
    assert line.add() == (outcome, took_s, stored)
    assert live.seen().seen
    live.stop()
    live.stop()
    assert line.add() == ("answered", 0.0, stored + 1)


def test_no_fault_of_the_list_is_missing_here() -> None:
    known = {NoOp, BlackHole, Refused, Latency, Reset, Drip, HalfAnswer}
    known |= {Http401, Http403, Http429, Http503, LostAnswer, LateAnswer, LateWrite, MessageRefused, Maintenance}
    assert set(FAULTS.values()) == known


def test_an_answer_that_drips_fast_enough_arrives(line: Line) -> None:
    line.wire.start_fault(Drip(slice_bytes=100, every_ms=100))
    outcome, took_s, _ = line.add()
    assert outcome == "answered"
    assert 0.1 <= took_s < DEADLINE_S


@pytest.mark.parametrize(
    ("fault", "outcome", "took_s", "stored"),
    [
        (ZepFault(kind=Kind.REFUSE_BEFORE_WRITE), Outcome.CONNECTION, 0.0, 0),
        (ZepFault(kind=Kind.HALF_BODY), Outcome.CONNECTION, 0.0, 1),
        (ZepFault(kind=Kind.DRIP), Outcome.TIMEOUT, DEADLINE_S, 1),
        (ZepFault(kind=Kind.ANSWER_LATE, delay_s=1), "answered", 1.0, 1),
        (ZepFault(kind=Kind.ANSWER_LATE, delay_s=5), Outcome.TIMEOUT, DEADLINE_S, 1),
        (ZepFault(kind=Kind.APPLY_LATE, delay_s=1), "answered", 1.0, 1),
        (ZepFault(kind=Kind.APPLY_LATE, delay_s=5), Outcome.TIMEOUT, DEADLINE_S, 0),
    ],
    ids=lambda value: f"{value.kind}-{value.delay_s}" if isinstance(value, ZepFault) else None,
)
def test_the_fakes_own_plans_of_delivery(line: Line, fault: ZepFault, outcome: str, took_s: float, stored: int) -> None:
    line.zep.faults.add(fault)
    assert line.add() == (outcome, took_s, stored)


def test_a_late_write_lands_at_its_own_time_whether_or_not_anyone_waits(line: Line) -> None:
    line.zep.faults.add(ZepFault(kind=Kind.APPLY_LATE, delay_s=5))
    line.add()
    line.clock.sleep(3.25)
    line.zep.settle(line.clock.time())
    assert not line.zep.store.messages_of("t")
    line.clock.sleep(0.25)
    line.zep.settle(line.clock.time())
    assert len(line.zep.store.messages_of("t")) == 1


def test_without_the_guards_own_deadline_an_answer_that_drips_takes_as_long_as_it_takes(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client's timeout is for each wait: the wire keeps no deadline that the guard does not."""
    monkeypatch.setattr("guard.zep.sdk.deadline", lambda seconds: nullcontext())
    line.wire.start_fault(Drip())
    outcome, took_s, _ = line.add()
    assert outcome == "answered"
    assert took_s > 10 * DEADLINE_S
    line.wire.start_fault(BlackHole())
    assert line.add()[:2] == ("timeout", DEADLINE_S)


def test_another_host_is_not_there(line: Line) -> None:
    sdk = SdkZep(base_url="http://elsewhere.sim", api_key="k", timeout_s=1, transport=line.wire.transport())
    with pytest.raises(ZepFailure) as caught:
        sdk.read_context("t")
    assert caught.value.outcome is Outcome.CONNECTION
