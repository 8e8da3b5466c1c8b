"""The runner takes the fault off, whatever ends it."""

import dataclasses
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from chaos.errors import SettingRefused, ToxiproxyUnreachable
from chaos.fault import Receipt
from chaos.faults.black_hole import BlackHole
from chaos.faults.http_503 import Http503
from chaos.faults.latency import Latency
from chaos.faults.lost_answer import LostAnswer
from chaos.faults.no_op import NoOp
from chaos.faults.refused import Refused
from chaos.probe import Over, never
from chaos.run import RunReport, run_fault
from chaos.target import ChaosTarget
from chaos.toxiproxy import Proxy, ToxiproxyServer

from .conftest import end, free_port, passes, start_toxiproxy

AWAY = ChaosTarget(
    toxiproxy_url="http://127.0.0.1:1",
    zep_via_proxy_url="http://127.0.0.1:1",
    fakezep_admin_url="http://127.0.0.1:1",
    admin_key="a",
    zep_api_key="k",
)

CHILD = """
import dataclasses, json, sys
from chaos import ChaosTarget, fault_named, run_fault

def tell(text):
    print(text, flush=True)

settings = json.loads(sys.argv[3])
fault = fault_named(sys.argv[2], settings)
report = run_fault(fault, ChaosTarget(**json.loads(sys.argv[1])), on_progress=tell)
print(json.dumps(dataclasses.asdict(report)), flush=True)
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """A fault without a network; ``breaks`` at this moment, its stop failing ``stop_fails`` times."""

    name = "rehearsed"
    says = "for these tests"
    breaks: BaseException | None = None
    at: str = ""
    stop_fails: int = 0
    log: list[str] = dataclasses.field(default_factory=list)

    def on(self, target: ChaosTarget) -> "RehearsedLive":
        return RehearsedLive(self)


class RehearsedLive:
    def __init__(self, fault: Rehearsed) -> None:
        self._fault = fault
        self._fails = fault.stop_fails

    @property
    def did(self) -> tuple[str, ...]:
        return ("half",)

    def _moment(self, name: str) -> None:
        self._fault.log.append(name)
        if self._fault.breaks is not None and self._fault.at == name:
            raise self._fault.breaks

    def start(self) -> None:
        self._moment("start")

    def stop(self) -> tuple[str, ...]:
        self._fault.log.append("stop")
        if self._fails:
            self._fails -= 1
            raise ToxiproxyUnreachable("away")
        return ("undone",)

    def seen(self, over: Over = never) -> Receipt:
        self._moment("seen")
        return Receipt(fault="rehearsed", seen=False, how="never")


def test_time_ends_it() -> None:
    """It reports what it did and what it undid."""
    report = run_fault(Rehearsed(), AWAY, for_s=0.05)
    assert (report.started, report.ended_by, report.signal) == (True, "time", None)
    assert report.lasted_s >= 0.05
    assert (report.did, report.undid, report.undo_error) == (("half",), ("undone",), None)
    assert not report.ok  # it was never seen


def test_an_event_ends_it() -> None:
    """The event of a drill that has seen enough."""
    stop = threading.Event()
    stop.set()
    assert run_fault(Rehearsed(), AWAY, stop_event=stop).ended_by == "event"


@pytest.mark.parametrize("at", ["start", "seen"])
def test_an_error_of_ours_is_reported_after_the_undo(at: str) -> None:
    """Half a start is undone too."""
    report = run_fault(Rehearsed(breaks=ToxiproxyUnreachable("no server"), at=at), AWAY)
    assert (report.ended_by, report.error, report.undid) == ("error", "no server", ("undone",))
    assert report.started == (at == "seen")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), ValueError("a bug")])
def test_any_other_exception_is_raised_after_the_undo(error: BaseException) -> None:
    """Nothing is swallowed, and nothing is left on."""
    fault = Rehearsed(breaks=error, at="seen")
    with pytest.raises(type(error)):
        run_fault(fault, AWAY)
    assert fault.log[-1] == "stop"


def test_an_undo_that_fails_at_first_is_tried_again() -> None:
    """A server that hiccups once does not leave the fault on."""
    report = run_fault(Rehearsed(stop_fails=2), AWAY, for_s=0)
    assert (report.undid, report.undo_error) == (("undone",), None)


def test_an_undo_that_never_works_is_said() -> None:
    """What may still be on is in the report; the tries are bounded."""
    fault = Rehearsed(stop_fails=99)
    report = run_fault(fault, AWAY, for_s=0)
    assert report.undo_error == "away"
    assert fault.log.count("stop") == 5
    assert not report.ok


@pytest.mark.parametrize("for_s", [-1.0, float("nan"), float("inf")])
def test_a_bad_duration_is_refused_before_anything_is_done(for_s: float) -> None:
    """By name, and the fault never starts."""
    fault = Rehearsed()
    with pytest.raises(SettingRefused, match="for_s"):
        run_fault(fault, AWAY, for_s=for_s)
    assert fault.log == []


def test_signal_handlers_are_put_back() -> None:
    """The caller's own are there again."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    run_fault(Rehearsed(), AWAY, for_s=0)
    assert {number: signal.getsignal(number) for number in before} == before


def test_another_thread_may_run_it() -> None:
    """Without signals, which only the main thread can have."""
    reports: list[RunReport] = []
    thread = threading.Thread(target=lambda: reports.append(run_fault(Rehearsed(), AWAY, for_s=0)))
    thread.start()
    thread.join(5)
    assert reports[0].ended_by == "time"


@pytest.mark.stack
@pytest.mark.parametrize("fault", [NoOp(), Refused(), Latency(latency_ms=100), Http503()])
def test_a_real_fault_is_on_seen_and_off(fault: NoOp | Refused | Latency | Http503, target: ChaosTarget) -> None:
    """The whole way on the real things."""
    said: list[str] = []
    report = run_fault(fault, target, for_s=0.5, on_progress=said.append)
    assert report.ok, report
    assert [text.split()[0] for text in said] == [fault.name, "seen:"]
    assert passes(target)


@pytest.mark.stack
def test_a_run_does_not_outlast_its_time_for_the_sake_of_a_receipt(target: ChaosTarget) -> None:
    """A black hole's probe would wait a minute; the run is over when it is over, and says it saw nothing."""
    report = run_fault(BlackHole(probe_wait_s=60), target, for_s=0.3)
    assert report.lasted_s < 5
    assert report.receipt is not None
    assert not report.receipt.seen
    assert passes(target)


@pytest.mark.stack
def test_a_fault_without_traffic_is_reported_as_not_seen(target: ChaosTarget) -> None:
    """Nothing was written, so no answer was lost."""
    report = run_fault(LostAnswer(), target, for_s=0.1)
    assert not report.ok
    assert report.receipt is not None
    assert "needs traffic" in report.receipt.how


@pytest.mark.stack
def test_a_server_that_dies_meanwhile_is_in_the_report(target: ChaosTarget, toxiproxy_binary: Path) -> None:
    """Its faults went with it, but we cannot know: the report says what may be left."""
    process, url = start_toxiproxy(toxiproxy_binary)
    mine = dataclasses.replace(target, toxiproxy_url=url, zep_via_proxy_url=f"http://127.0.0.1:{free_port()}")
    try:
        ToxiproxyServer(url).create_proxy(Proxy(name=target.proxy, upstream="127.0.0.1:1"))
        report = run_fault(BlackHole(), mine, on_progress=lambda _: end(process), for_s=0.1)
    finally:
        end(process)
    assert report.undo_error is not None
    assert "start it" in report.undo_error


@pytest.mark.stack
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    ("fault", "settings"), [("black-hole", {"probe_wait_s": "60"}), ("refused", {}), ("http-503", {})]
)
def test_a_signal_ends_a_run_of_its_own_process_and_the_fault_is_off(
    fault: str, settings: dict[str, str], number: signal.Signals, target: ChaosTarget
) -> None:
    """Also in the middle of a probe, and the process ends by itself with its report."""
    arguments = [json.dumps(dataclasses.asdict(target)), fault, json.dumps(settings)]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline().startswith(f"{fault} is on")
        assert not passes(target)
        child.send_signal(number)
        said, wrong = child.communicate(timeout=20)
    finally:
        child.kill()
        child.communicate()
    report = json.loads(said.splitlines()[-1])
    assert child.returncode == 0, wrong
    assert (report["ended_by"], report["signal"], report["undo_error"]) == ("signal", number.name, None)
    assert report["undid"]
    assert passes(target)
