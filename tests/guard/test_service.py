"""The service of one process: typed results, past the hold, without a store, after a fork."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from guard import ContextStatus, MemoryService, Mode, logs, read_settings
from guard.core.events import AcquireProbe, Clear, Event, Force, Report
from guard.core.modes import Reason
from guard.core.record import EMPTY
from guard.core.table import Outcome
from guard.errors import SettingsError, StoreUnavailable, UnsafeId
from guard.store.memory import MemoryStore
from guard.store.protocol import Applied, Store
from guard.telemetry import Telemetry
from guard.zep.calls import Answer, ZepFailure

FLAGS = {"FLAG_ZEP_WRITE": "true", "FLAG_ZEP_READ": "true", "ZEP_ENABLED": "true", "ZEP_API_KEY": "k"}


class StubZep:
    """Answers what it is told to, and counts how often it was asked."""

    def __init__(self) -> None:
        self.answer: Answer | Exception = Answer(text="tea")
        self.asked: list[str] = []
        self.before: Callable[[], None] = lambda: None
        self.closed = False

    def read_context(self, thread_id: str) -> Answer:
        self.asked.append(thread_id)
        self.before()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def fails(self, outcome: str, **more: Any) -> None:
        self.answer = ZepFailure(Outcome(outcome), f"stub: {outcome}", **more)

    def close(self) -> None:
        self.closed = True


class FlakyStore:
    """A store that can go away, and counts what it was asked."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.away = False
        self.asked: list[str] = []
        self.events: list[Event] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        def ask(*arguments: Any, **named: Any) -> Any:
            self.asked.append(name)
            self.events += [a for a in arguments if isinstance(a, Event)]
            if self.away:
                raise StoreUnavailable("the store is away")
            return method(*arguments, **named)

        return ask


class World:
    """One process's service over stubs, with a clock for the store and one for the process."""

    def __init__(self, clock: Any, log_file: Path, **variables: str) -> None:
        self.clock = clock
        self.settings = read_settings({**FLAGS, **variables})
        self.zep = StubZep()
        self.memory = MemoryStore(self.settings.policy, clock=clock)
        self.store = FlakyStore(self.memory)
        self.log_file = log_file
        self.service = self.another()

    def another(self, **variables: str) -> MemoryService:
        """One more process of the same fleet."""
        settings = read_settings({**FLAGS, **variables}) if variables else self.settings
        return MemoryService(
            settings,
            program="test",
            store=lambda: self.store,  # type: ignore[arg-type,return-value]
            zep=lambda: self.zep,  # type: ignore[arg-type,return-value]
            telemetry=Telemetry(monotonic=self.clock),
            monotonic=self.clock,
        )

    def read(self, thread_id: str = "t") -> Any:
        return self.service.read_context(user_id="u", thread_id=thread_id)

    def force(self, ttl_s: float = 60) -> None:
        self.memory.apply(Force(reason=Reason.MANUAL, ttl_s=ttl_s))
        self.clock += 1.1  # the view is older than a second now

    def lines(self, event: str | None = None) -> list[dict[str, Any]]:
        text = self.log_file.read_text() if self.log_file.exists() else ""
        found = [json.loads(line) for line in text.splitlines()]
        return [line for line in found if event in (None, line["event"])]


@pytest.fixture
def make(clock: Any, tmp_path: Path) -> Iterator[Callable[..., World]]:
    logs.configure(str(tmp_path / "app.log"))
    yield lambda **variables: World(clock, tmp_path / "app.log", **variables)
    logs.configure()


@pytest.fixture
def world(make: Callable[..., World]) -> World:
    return make()


# -- typed results ---------------------------------------------------------------------------------------------------


def test_a_fresh_context_says_so(world: World) -> None:
    world.zep.before = lambda: world.clock.__iadd__(0.25) and None
    result = world.read()
    assert (result.text, result.status, result.mode, result.used) == ("tea", "fresh", "read_write", True)
    assert result.latency_s == pytest.approx(0.25)


@pytest.mark.parametrize(("found", "detail"), [(True, ""), (False, "not_found")])
def test_nothing_known_is_empty_and_not_failed(world: World, found: bool, detail: str) -> None:
    world.zep.answer = Answer(text="", found=found)
    result = world.read()
    assert (result.text, result.status, result.detail, result.used) == ("", "empty", detail, False)


@pytest.mark.parametrize(
    "outcome", ["timeout", "connection", "server_error", "wrong_shape", "auth", "rate_limited", "refused"]
)
def test_a_failed_read_says_how(world: World, outcome: str) -> None:
    world.zep.fails(outcome)
    result = world.read()
    assert (result.text, result.status, result.detail) == ("", "failed", outcome)
    assert result.latency_s is not None


@pytest.mark.parametrize(
    ("variables", "mode", "detail"),
    [
        ({"FLAG_ZEP_READ": "false"}, "write_only", "base_write_only"),
        ({"ZEP_ENABLED": "false"}, "off", "base_off"),
    ],
)
def test_base_mode_skips_reads_and_says_so(
    make: Callable[..., World], variables: dict[str, str], mode: str, detail: str
) -> None:
    world = make(**variables)
    result = world.read()
    assert (result.status, result.mode, result.detail, result.latency_s) == ("skipped", mode, detail, None)
    assert world.zep.asked == []
    assert world.store.events == []


def test_a_forced_mode_skips_reads_and_reports_none(world: World) -> None:
    world.force()
    result = world.read()
    assert (result.status, result.mode, result.detail) == ("skipped", "write_only", "manual")
    assert world.zep.asked == []
    assert world.store.events == []


def test_an_unsafe_id_is_the_callers_fault(world: World) -> None:
    for user_id, thread_id in (("a/b", "t"), ("u", "..")):
        with pytest.raises(UnsafeId):
            world.service.read_context(user_id=user_id, thread_id=thread_id)
    assert world.zep.asked == []


# -- downgrade, hold, probe ------------------------------------------------------------------------------------------


def test_three_failed_reads_downgrade_and_the_fourth_is_not_sent(world: World) -> None:
    """Each of the three reaches Zep and is reported once; the log counts to three."""
    world.zep.fails("timeout")
    for _ in range(3):
        world.clock += 2
        assert world.read().status is ContextStatus.FAILED
    assert world.read().detail == "consecutive_failures"
    assert len(world.zep.asked) == 3
    assert len(world.store.events) == 3
    assert [line["consecutive_failures"] for line in world.lines("zep_context_failure")] == [1, 2, 3]
    assert [line["reason"] for line in world.lines("memory_mode_forced")] == ["consecutive_failures"]


def test_an_auth_failure_downgrades_at_once_and_logs_its_own_line(world: World) -> None:
    world.zep.fails("auth")
    result = world.read()
    assert (result.status, result.detail) == (ContextStatus.FAILED, "auth")
    assert world.service.mode() is Mode.WRITE_ONLY
    assert len(world.lines("zep_auth_failure_auto_downgrade")) == 1
    assert world.lines("memory_mode_forced")[0]["hold_s"] == 300


def test_the_first_message_after_the_hold_probes_and_has_the_answer(world: World) -> None:
    """Its context is its own answer; the mode is back for all."""
    world.force()
    world.clock += 60
    assert world.service.mode() is Mode.WRITE_ONLY
    result = world.read()
    assert (result.text, result.status, result.mode) == ("tea", "fresh", "read_write")
    assert [type(event) for event in world.store.events] == [AcquireProbe, Report]
    assert len(world.lines("memory_mode_restored")) == 1
    assert world.service.mode() is Mode.READ_WRITE


def test_a_probe_that_fails_holds_on(world: World) -> None:
    world.force()
    world.clock += 60
    world.zep.fails("timeout")
    assert (world.read().status, world.read().detail) == ("failed", "probe_failed")
    assert world.lines("memory_mode_forced")[-1]["by"] == "probe"
    assert len(world.zep.asked) == 1


def test_who_does_not_get_the_lease_is_answered_at_once(world: World) -> None:
    """While one probes, another process's message is skipped and Zep hears nothing of it."""
    world.force()
    world.clock += 60
    other, seen = world.another(), []
    world.zep.before = lambda: seen.append(other.read_context(user_id="u", thread_id="t"))
    world.read()
    assert (seen[0].status, seen[0].mode, seen[0].detail) == ("skipped", "write_only", "probe_elsewhere")
    assert len(world.zep.asked) == 1


def test_a_probe_goes_past_pause_and_breaker(world: World) -> None:
    """Its row of the table has its own rules; what was learnt about Zep before must not keep it shut out."""
    world.zep.fails("rate_limited", retry_after_s=1000.0)
    world.read()
    world.zep.fails("timeout")
    for number in range(3):
        world.read(f"other {number}")
    assert world.service.engine.sight.now().record.read.closed is False
    world.clock += 301
    world.zep.answer = Answer(text="tea")
    assert world.read().status is ContextStatus.FRESH


def test_an_ended_hold_expires_without_a_probe_where_reads_are_off(make: Callable[..., World]) -> None:
    world = make(FLAG_ZEP_READ="false")
    world.force()
    world.clock += 60
    result = world.read()
    assert (result.status, result.mode, result.detail) == ("skipped", "write_only", "base_write_only")
    assert world.memory.snapshot().record.reason is None
    assert world.zep.asked == []
    assert [line["was"] for line in world.lines("memory_mode_expired")] == ["manual"]


def test_a_slow_read_that_succeeds_after_the_trip_changes_nothing(world: World) -> None:
    """Its answer still serves its own message."""

    def trip() -> None:
        world.zep.before = lambda: None
        world.memory.apply(Force(reason=Reason.AUTH, ttl_s=300, operator=False))

    world.zep.before = trip
    result = world.read()
    assert (result.text, result.status) == ("tea", "fresh")
    assert world.service.mode() is Mode.WRITE_ONLY
    assert world.memory.snapshot().record.generation == 1


# -- 429 -------------------------------------------------------------------------------------------------------------


def test_after_a_429_that_thread_is_not_read_until_retry_after(world: World) -> None:
    """Other threads are; the mode stays."""
    world.zep.fails("rate_limited", retry_after_s=5.0)
    world.read("busy")
    world.zep.answer = Answer(text="tea")
    result = world.read("busy")
    assert (result.status, result.detail, result.mode) == ("negative", "retry_after", "read_write")
    assert world.read("calm").status is ContextStatus.FRESH
    assert world.zep.asked == ["busy", "calm"]
    world.clock += 5.1
    assert world.read("busy").status is ContextStatus.FRESH


def test_after_a_failed_read_that_thread_does_not_wait_on_zep_again_at_once(world: World) -> None:
    """For the negative window, in all processes; drill 5's two seconds are longer than it."""
    world.zep.fails("timeout")
    world.read("t")
    result = world.another().read_context(user_id="u", thread_id="t")
    assert (result.status, result.detail, result.latency_s) == ("negative", "negative", None)
    assert world.read("another").status is ContextStatus.FAILED
    world.clock += 2
    assert world.read("t").status is ContextStatus.FAILED
    assert world.zep.asked == ["t", "another", "t"]


# -- commands to the store -------------------------------------------------------------------------------------------


def test_mode_costs_no_command_within_a_second(world: World) -> None:
    for _ in range(1000):
        world.service.mode()
    assert world.store.asked == ["snapshot"]
    world.clock += 1.01
    world.service.mode()
    assert world.store.asked == ["snapshot"] * 2


def test_a_real_server_sees_one_command_for_a_thousand_modes_and_one_report_a_read(
    environ: dict[str, str], valkey: redis.Redis
) -> None:
    """By the server's own statistics."""
    zep = StubZep()
    service = MemoryService(read_settings(environ), zep=lambda: zep, monotonic=lambda: 0.0)  # type: ignore
    service.read_context(user_id="u", thread_id="t")  # connects and loads the script
    valkey.config_resetstat()

    def calls() -> dict[str, int]:
        stats = valkey.info("commandstats")
        return {name.removeprefix("cmdstat_"): entry["calls"] for name, entry in stats.items() if name[8:] in COUNTED}

    for _ in range(1000):
        service.mode()
    assert calls() == {}
    for number in range(10):
        service.read_context(user_id="u", thread_id=f"t{number}")
    assert calls() == {"evalsha": 10, "hmget": 10}
    for number in range(10):
        assert service.read_context(user_id="u", thread_id=f"t{number}").status is ContextStatus.CACHED
    assert calls() == {"evalsha": 10, "hmget": 10}
    assert len(zep.asked) == 11
    service.close()


COUNTED = {"evalsha", "eval", "set", "incr", "hmget"}  # what the script does inside is not sent


# -- without the store -----------------------------------------------------------------------------------------------


def test_without_a_store_from_the_start_reads_go_on(world: World) -> None:
    world.store.away = True
    assert world.read().status is ContextStatus.FRESH
    assert world.service.mode() is Mode.READ_WRITE


def test_without_the_store_the_last_state_decides(world: World) -> None:
    """Also for longer than a view lives; a hold that ends meanwhile is probed once the store can say who probes."""
    world.force(ttl_s=60)
    world.read()
    world.store.away = True
    world.clock += 30
    assert (world.read().status, world.read().detail) == ("skipped", "manual")
    world.clock += 40
    assert (world.read().status, world.service.mode()) == ("skipped", Mode.WRITE_ONLY)
    assert world.zep.asked == []
    world.store.away = False
    world.clock += 1.1
    assert world.read().status is ContextStatus.FRESH
    assert world.service.mode() is Mode.READ_WRITE


def test_without_the_store_a_process_still_downgrades_itself(world: World) -> None:
    world.store.away = True
    world.zep.fails("timeout")
    for _ in range(3):
        world.read()
        world.clock += 2
    assert world.read().status is ContextStatus.SKIPPED
    assert len(world.zep.asked) == 3


def test_a_downgrade_made_alone_is_the_fleets_once_the_store_is_back_and_counted_once(world: World) -> None:
    """Two processes fall alone; the first to return brings it, the second finds it there."""
    other = world.another()
    for service in (world.service, other):
        service.mode()
    world.store.away = True
    world.clock += 1.1
    world.zep.fails("auth")
    for service in (world.service, other):
        service.read_context(user_id="u", thread_id="t")
        assert service.mode() is Mode.WRITE_ONLY
    world.store.away = False
    world.clock += 1.1
    for service in (world.service, other):
        assert service.mode() is Mode.WRITE_ONLY
    record = world.memory.snapshot().record
    assert (record.reason, record.downgrades["auth"], record.generation) == (Reason.AUTH, 1, 1)
    assert len(world.lines("memory_mode_joined")) == 1
    world.memory.apply(Clear())
    world.clock += 1.1
    assert [service.mode() for service in (world.service, other)] == [Mode.READ_WRITE] * 2


def test_failures_that_one_process_saw_alone_are_not_the_fleets_where_it_asks_for_witnesses(
    make: Callable[..., World],
) -> None:
    world = make(ZEP_FAILURE_WITNESSES="2")
    world.service.mode()
    world.store.away = True
    world.clock += 1.1
    world.zep.fails("timeout")
    for number in range(3):
        world.read(f"t{number}")
    assert world.service.mode() is Mode.WRITE_ONLY
    world.store.away = False
    world.clock += 1.1
    assert world.service.mode() is Mode.READ_WRITE
    record = world.memory.snapshot().record
    assert (sum(record.downgrades.values()), record.failures, len(record.witnesses.split(","))) == (0, 3, 1)


def test_what_an_operator_did_meanwhile_counts_for_more_than_what_a_process_did_alone(world: World) -> None:
    world.service.mode()
    world.store.away = True
    world.clock += 1.1
    world.zep.fails("auth")
    world.read()
    world.memory.apply(Clear())
    world.store.away = False
    world.clock += 1.1
    assert world.service.mode() is Mode.READ_WRITE
    assert world.memory.snapshot().record.downgrades["auth"] == 0


def test_a_store_that_forgot_has_its_record_back_from_who_knows_it(world: World) -> None:
    """FLUSHALL while forced: the mode does not rise, and no count falls."""
    world.zep.fails("auth")
    world.read()
    before = world.memory.snapshot().record
    world.memory._record = EMPTY
    world.clock += 1.1
    assert world.service.mode() is Mode.WRITE_ONLY
    after = world.memory.snapshot().record
    assert (after.reason, after.until, after.downgrades) == (before.reason, before.until, before.downgrades)
    assert after.generation >= before.generation
    assert len(world.lines("memory_store_forgot")) == 1


def test_a_store_that_only_reads_leaves_a_process_alone_with_its_own_count(world: World) -> None:
    """A replica answers snapshots and refuses steps: going back and forth would never count to three."""
    world.service.mode()
    apply = world.memory.apply
    world.memory.apply = lambda event: (_ for _ in ()).throw(StoreUnavailable("READONLY"))  # type: ignore[method-assign]
    world.zep.fails("timeout")
    for number in range(3):
        world.read(f"t{number}")
        world.clock += 2
    assert world.service.mode() is Mode.WRITE_ONLY
    world.memory.apply = apply  # type: ignore[method-assign]
    world.clock += 2
    world.service.mode()
    assert world.memory.snapshot().record.downgrades["consecutive_failures"] == 1


def test_a_store_that_is_away_is_asked_once_a_second_and_once_a_turn(world: World) -> None:
    world.service.mode()
    world.store.away = True
    world.clock += 1.1
    world.store.asked.clear()
    world.zep.before = lambda: world.clock.__iadd__(1.5) and None
    world.read("a")
    assert world.store.asked == ["snapshot"]
    world.zep.before = lambda: None
    world.clock += 1.1
    world.store.asked.clear()
    for number in range(20):
        world.read(f"t{number}")
        world.service.mode()
    assert world.store.asked == ["apply"]


def test_a_probe_whose_report_found_the_store_away_is_reported_at_the_return(world: World) -> None:
    world.force(ttl_s=60)
    world.clock += 60

    def gone() -> None:
        world.store.away = True

    world.zep.before = gone
    world.read()
    assert world.service.mode() is Mode.WRITE_ONLY
    world.store.away = False
    world.clock += 1.1
    assert world.service.mode() is Mode.READ_WRITE
    assert len(world.zep.asked) == 1
    assert world.memory.snapshot().record.restores == 1


@pytest.mark.parametrize("jump_s", [-3600.0, 3600.0])
def test_a_store_whose_clock_is_another_one_is_believed(world: World, clock: Any, jump_s: float) -> None:
    """After a failover, or after a start without the store: its newest answer counts, whatever its clock says."""
    world.read()
    store_clock = type(clock)(clock.now + jump_s)
    world.memory._clock = store_clock
    world.memory.apply(Force(reason=Reason.MANUAL, ttl_s=60))
    world.clock += 1.1
    assert world.service.mode() is Mode.WRITE_ONLY
    asked = len(world.store.asked)
    assert world.service.mode() is Mode.WRITE_ONLY
    assert len(world.store.asked) == asked


def test_an_answer_that_was_overtaken_is_dropped(world: World) -> None:
    """Two answers under way at once: the older one, by the store's time, must not win by coming later."""
    view = world.service.engine.sight
    world.service.mode()
    old = view.now()
    asked_at = world.clock.now
    world.clock += 0.5
    newer = Applied(record=world.memory.apply(Clear()).record, now=old.now + 0.5)
    view.keep(newer, asked_at)
    view.keep(Applied(record=EMPTY, now=old.now + 0.1), asked_at)
    assert view.now().record == newer.record


def test_the_log_says_once_a_minute_that_the_store_is_away_and_once_that_it_is_back(world: World) -> None:
    world.read()
    world.store.away = True
    for _ in range(59):
        world.clock += 1.0
        world.read()
    assert len(world.lines("memory_store_unavailable")) == 1
    world.clock += 2
    world.read()
    assert len(world.lines("memory_store_unavailable")) == 2
    world.store.away = False
    for _ in range(3):
        world.clock += 1.1
        world.read()
    assert len(world.lines("memory_store_back")) == 1


def test_many_threads_that_find_the_store_away_log_one_line(world: World) -> None:
    barrier = threading.Barrier(16)

    class Slow(float):
        def __sub__(self, other: float) -> float:
            threading.Event().wait(0.005)  # so that all are between the question and the note at once
            return float(self) - other

    telemetry = Telemetry(monotonic=lambda: Slow(1000))

    def run() -> None:
        barrier.wait()
        telemetry.store_answered(StoreUnavailable("away"))

    threads = [threading.Thread(target=run) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(world.lines("memory_store_unavailable")) == 1


def test_a_store_that_comes_and_goes_fills_no_log(world: World) -> None:
    telemetry = Telemetry(monotonic=world.clock)
    for _ in range(100):
        telemetry.store_answered(StoreUnavailable("away"))
        telemetry.store_answered(None)
    assert len(world.lines()) <= 2


# -- life of a process -----------------------------------------------------------------------------------------------


def in_child(action: Callable[[], bool]) -> bool:
    """Whether ``action`` gives True in a forked child, within ten seconds."""
    pid = os.fork()
    if pid == 0:
        import signal

        signal.alarm(10)
        try:
            os._exit(0 if action() else 1)
        finally:
            os._exit(2)
    return os.waitpid(pid, 0)[1] == 0


pytest_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


@pytest_fork
def test_after_a_fork_a_child_makes_everything_anew(world: World) -> None:
    made: list[int] = []

    def open_zep() -> Any:
        made.append(os.getpid())
        return world.zep

    service = MemoryService(
        world.settings,
        store=lambda: MemoryStore(world.settings.policy),
        zep=open_zep,  # type: ignore[arg-type]
    )
    service.read_context(user_id="u", thread_id="t")
    mine = service.store()

    def child() -> bool:
        result = service.read_context(user_id="u", thread_id="t")
        return result.status == "fresh" and made == [os.getppid(), os.getpid()] and service.store() is not mine

    assert in_child(child)
    assert service.store() is mine


@pytest_fork
def test_a_fork_while_another_thread_is_at_work_hangs_no_child(world: World) -> None:
    """A lock that another thread held at the fork is held in the child for ever."""
    entered, leave = threading.Event(), threading.Event()

    def open_slowly() -> Any:
        if threading.current_thread() is busy:
            entered.set()
            leave.wait(20)
        return world.zep

    service = MemoryService(
        world.settings,
        store=lambda: MemoryStore(world.settings.policy),
        zep=open_slowly,  # type: ignore[arg-type]
    )
    busy = threading.Thread(target=lambda: service.read_context(user_id="u", thread_id="t"))
    busy.start()
    entered.wait(10)
    try:
        assert in_child(lambda: service.read_context(user_id="u", thread_id="t").status == "fresh")
    finally:
        leave.set()
        busy.join()


_HELD_AT_THE_FORK = """
import os, signal, sys
from guard import logs
from guard.errors import StoreUnavailable
from guard.metrics import instruments
from guard.telemetry import Telemetry

logs.configure(sys.argv[1])
telemetry = Telemetry()
telemetry.get_ready()
held = {id(lock): lock for lock in instruments._locks()}
held = [*held.values(), telemetry._store_lock, logs.structlog.get_config()["logger_factory"]._lock]
for lock in held:
    lock.acquire()
child = os.fork()
if child == 0:
    signal.alarm(20)
    instruments.READ_REQUESTS.inc()
    instruments.READ_LATENCY.observe(1.0)
    instruments.PII_REDACTIONS.labels("email").inc()
    list(instruments.REGISTRY.collect())
    telemetry.store_answered(StoreUnavailable("away"))
    os._exit(0)
for lock in held:
    lock.release()
print(len(held), os.waitpid(child, 0)[1])
"""


@pytest_fork
@pytest.mark.parametrize("folder", ["", "metrics"])
def test_a_child_finds_free_what_other_threads_held_at_the_fork(tmp_path: Path, folder: str) -> None:
    """The locks of metrics, too, whether each process keeps its own or all count into one folder."""
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / folder)} if folder else dict(os.environ)
    if folder:
        (tmp_path / folder).mkdir()
    else:
        environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", _HELD_AT_THE_FORK, str(tmp_path / "log")],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    held, status = done.stdout.split()
    assert (status, int(held) > 3) == ("0", True), done.stderr
    assert "memory_store_unavailable" in (tmp_path / "log").read_text()


def test_nothing_is_made_before_it_is_used() -> None:
    def refuse() -> Any:
        raise AssertionError("made too early")

    service = MemoryService(read_settings(FLAGS), store=refuse, zep=refuse)
    assert service.base_mode is Mode.READ_WRITE
    service.close()


def test_close_closes_and_the_service_can_be_used_again(world: World) -> None:
    world.read()
    world.service.close()
    assert world.zep.closed
    assert world.read("another").status is ContextStatus.FRESH


def test_close_leaves_no_connection_to_the_store(environ: dict[str, str], valkey: redis.Redis, wait_for: Any) -> None:
    before = len(valkey.client_list())
    service = MemoryService.from_env(environ)
    service.mode()
    assert len(valkey.client_list()) == before + 1
    held = service.store()
    service.close()
    wait_for(lambda: len(valkey.client_list()) == before)
    del held


def test_a_heartbeat_lists_the_process_until_it_closes(world: World) -> None:
    """Under its program, host and pid, with its own base mode; no thread is left behind."""
    world.service.start_heartbeat()
    listed = world.memory.workers()
    assert [(w.program, w.pid, w.base, w.reads) for w in listed] == [("test", os.getpid(), Mode.READ_WRITE, True)]
    assert listed[0].name.startswith("test@")
    world.service.close()
    assert world.memory.workers() == []
    assert "zepguard-heartbeat" not in [thread.name for thread in threading.enumerate()]


def test_a_second_start_of_the_heartbeat_leaves_one_thread(world: World) -> None:
    for _ in range(2):
        world.service.start_heartbeat()
    assert [thread.name for thread in threading.enumerate()].count("zepguard-heartbeat") == 1
    world.service.close()
    assert "zepguard-heartbeat" not in [thread.name for thread in threading.enumerate()]


def test_a_heartbeat_outlives_a_store_that_is_away(world: World, wait_for: Any) -> None:
    world.store.away = True
    world.service.start_heartbeat()
    world.store.away = False
    wait_for(world.memory.workers)
    world.service.close()


def test_settings_that_cannot_be_used_are_refused_when_the_service_is_made() -> None:
    with pytest.raises(SettingsError, match="ZEP_API_KEY is missing"):
        MemoryService.from_env({"ZEP_ENABLED": "true"})


@pytest.mark.parametrize("stream", [None, io.StringIO(), object()])
def test_a_replaced_standard_error_breaks_no_read(world: World, monkeypatch: pytest.MonkeyPatch, stream: Any) -> None:
    """Celery and test runners put things in its place that have no file behind them."""
    logs.configure()
    monkeypatch.setattr(sys, "stderr", stream)
    world.zep.fails("auth")
    assert world.read().detail == "auth"


def test_a_log_that_cannot_be_written_breaks_no_read(world: World, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    logs.configure(str(tmp_path / "file" / "app.log"))
    world.zep.fails("auth")
    assert world.read().detail == "auth"


def test_a_write_that_the_breaker_refuses_is_not_sent(world: World) -> None:
    """Three failures in a row open it for all; when it is half-open one trial goes, and closes it."""
    calls: list[int] = []

    def perform(zep: Any) -> str:
        calls.append(1)
        if len(calls) <= 3:
            raise ZepFailure(Outcome.TIMEOUT, "stub")
        return "done"

    for _ in range(3):
        assert world.service.write("t", perform).failure is not None
    refused = world.another().write("t", perform)
    assert (refused.sent, refused.ok, refused.detail) == (False, False, "breaker_open")
    assert len(calls) == 3
    world.clock += 30.1
    assert world.service.write("t", perform).value == "done"
    assert world.service.write("t", perform).ok
    assert [line["event"] for line in world.lines() if line["event"].startswith("circuit")] == [
        "circuit_opened",
        "circuit_closed",
    ]


def test_writes_go_on_in_write_only_and_stop_when_off(make: Callable[..., World]) -> None:
    world = make()
    world.force()
    assert world.service.write("t", lambda _: "x").ok
    off = make(ZEP_ENABLED="false").service.write("t", lambda _: "x")
    assert (off.sent, off.detail) == (False, "base_off")


@pytest.mark.parametrize("outcome", ["auth", "timeout", "rate_limited", "refused"])
def test_in_write_only_a_failed_write_changes_no_mode(make: Callable[..., World], outcome: str) -> None:
    """Drill 1."""
    world = make(FLAG_ZEP_READ="false")

    def perform(zep: Any) -> None:
        raise ZepFailure(Outcome(outcome), "stub")

    for _ in range(5):
        world.service.write("t", perform)
    record = world.memory.snapshot().record
    assert (record.reason, record.generation, sum(record.downgrades.values())) == (None, 0, 0)
