"""The checklist's own test file: the automatic downgrade, from the first failure to the restore.

Two workers share one store (fakeredis with the real Lua script) and a clock that the test moves; Zep is a stub that
answers or fails as it is told. The deeper tests are in ``tests/guard``.
"""

import fakeredis
import pytest

from guard.core.events import Policy
from guard.core.modes import Mode, Reason
from guard.core.results import ContextResult, ContextStatus
from guard.core.settings import read_settings
from guard.core.table import Outcome
from guard.errors import HoldOutOfRange, UnknownReason
from guard.operator import Operator
from guard.service import MemoryService
from guard.store.shared import RedisStore
from guard.zep.calls import Answer, ZepFailure

FLAGS = {
    "FLAG_ZEP_WRITE": "true",
    "FLAG_ZEP_READ": "true",
    "ZEP_ENABLED": "true",
    "ZEP_API_KEY": "key",
    "ZEPGUARD_LOG_FILE": "",
}


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Zep:
    """Answers, or fails with the outcome that it is told."""

    def __init__(self) -> None:
        self.fails: Outcome | None = None
        self.retry_after_s = 0.0
        self.reads = 0
        self.writes = 0

    def read_context(self, thread_id: str) -> Answer:
        self.reads += 1
        self._fail()
        return Answer(text="likes the sea")

    def add_messages(self, thread_id: str, messages: object) -> None:
        self.writes += 1
        self._fail()

    def _fail(self) -> None:
        if self.fails is not None:
            raise ZepFailure(self.fails, "as told", retry_after_s=self.retry_after_s)


class Fleet:
    """Two workers, one store, one Zep, one operator."""

    def __init__(self, **flags: str) -> None:
        self.clock = Clock()
        self.zep = Zep()
        self.server = fakeredis.FakeServer()
        self.settings = read_settings({**FLAGS, **flags})
        self.workers = [self._worker(), self._worker()]
        self.operator = Operator(self.workers[0], pause=lambda seconds: None)

    def store(self) -> RedisStore:
        client = fakeredis.FakeStrictRedis(server=self.server, decode_responses=True)
        return RedisStore(client, namespace="test", policy=self.policy, clock=self.clock)

    @property
    def policy(self) -> Policy:
        return self.settings.policy

    def _worker(self) -> MemoryService:
        store = self.store()
        return MemoryService(self.settings, store=lambda: store, zep=lambda: self.zep, monotonic=self.clock)

    def read(self, worker: int = 0, thread: str = "") -> ContextResult:
        """One turn's read, on a thread of its own unless one is named."""
        self.clock.now += 2
        return self.workers[worker].read_context(user_id="u", thread_id=thread or f"t{self.clock.now:.0f}")

    def fail(self, outcome: Outcome, times: int = 1) -> None:
        """Reads that fail, in turns on both workers."""
        self.zep.fails = outcome
        for number in range(times):
            self.read(number % 2)
        self.zep.fails = None

    @property
    def forced(self) -> Reason | None:
        return self.operator.status().record.reason

    @property
    def mode(self) -> Mode:
        return self.operator.status().effective


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


class TestAutoDowngradeGuard:
    """Drills 4, 5 and 6, and the operator's commands, without a process."""

    def test_no_forced_mode_by_default(self, fleet: Fleet) -> None:
        assert fleet.forced is None
        assert fleet.mode is Mode.READ_WRITE

    def test_force_write_only_sets_cache(self, fleet: Fleet) -> None:
        """The forced mode is in the shared store, so that every worker has it."""
        fleet.operator.force("manual", 60)
        record = fleet.store().snapshot().record
        assert (record.reason, record.until - record.since) == (Reason.MANUAL, 60)
        fleet.clock.now += 2
        assert [worker.mode() for worker in fleet.workers] == [Mode.WRITE_ONLY, Mode.WRITE_ONLY]

    def test_healthy_read_gives_context(self, fleet: Fleet) -> None:
        result = fleet.read()
        assert (result.status, result.text) == (ContextStatus.FRESH, "likes the sea")

    def test_auth_failure_downgrades_at_once(self, fleet: Fleet) -> None:
        fleet.fail(Outcome.AUTH)
        assert fleet.forced is Reason.AUTH
        assert fleet.mode is Mode.WRITE_ONLY

    def test_auth_failure_holds_five_minutes(self, fleet: Fleet) -> None:
        fleet.fail(Outcome.AUTH)
        assert fleet.operator.status().lines()[1] == "Forced mode: write_only (reason=auth, remaining=~300s)"

    def test_auth_failure_is_counted_once_for_the_fleet(self, fleet: Fleet) -> None:
        fleet.workers[1].mode()
        fleet.fail(Outcome.AUTH, times=4)
        assert fleet.store().snapshot().record.downgrades["auth"] == 1

    def test_auth_failure_of_a_write_downgrades_too(self, fleet: Fleet) -> None:
        fleet.zep.fails = Outcome.AUTH
        fleet.workers[0].write("t", lambda zep: zep.add_messages("t", []))
        assert fleet.forced is Reason.AUTH

    @pytest.mark.parametrize(
        "outcome", [Outcome.TIMEOUT, Outcome.CONNECTION, Outcome.SERVER_ERROR, Outcome.WRONG_SHAPE]
    )
    def test_third_failure_in_a_row_downgrades(self, fleet: Fleet, outcome: Outcome) -> None:
        fleet.fail(outcome, times=2)
        assert fleet.forced is None
        fleet.fail(outcome)
        assert fleet.forced is Reason.CONSECUTIVE_FAILURES

    def test_failures_of_all_workers_count_together(self, fleet: Fleet) -> None:
        fleet.fail(Outcome.TIMEOUT, times=2)
        assert fleet.store().snapshot().record.failures == 2

    def test_a_success_resets_the_failure_count(self, fleet: Fleet) -> None:
        fleet.fail(Outcome.TIMEOUT, times=2)
        fleet.read(1)
        fleet.fail(Outcome.TIMEOUT, times=2)
        assert fleet.forced is None

    def test_failure_count_is_zero_after_a_downgrade(self, fleet: Fleet) -> None:
        fleet.fail(Outcome.TIMEOUT, times=3)
        assert fleet.store().snapshot().record.failures == 0

    def test_reset_failures_sets_the_count_to_zero(self, fleet: Fleet) -> None:
        fleet.fail(Outcome.TIMEOUT, times=2)
        fleet.operator.reset_failures()
        fleet.fail(Outcome.TIMEOUT, times=2)
        assert fleet.forced is None
        fleet.fail(Outcome.TIMEOUT)
        assert fleet.forced is Reason.CONSECUTIVE_FAILURES

    def test_a_higher_threshold_is_reached_as_no_breaker_opens_before(self) -> None:
        fleet = Fleet(ZEPGUARD_FAILURE_THRESHOLD="5")
        fleet.fail(Outcome.TIMEOUT, times=4)
        assert (fleet.forced, fleet.zep.reads) == (None, 4)
        fleet.fail(Outcome.TIMEOUT)
        assert fleet.forced is Reason.CONSECUTIVE_FAILURES

    def test_no_read_is_sent_while_held(self, fleet: Fleet) -> None:
        fleet.fail(Outcome.AUTH)
        reads = fleet.zep.reads
        assert fleet.read().status is ContextStatus.SKIPPED
        assert fleet.zep.reads == reads

    def test_writes_go_on_while_held(self, fleet: Fleet) -> None:
        fleet.fail(Outcome.AUTH)
        assert fleet.workers[0].write("t", lambda zep: zep.add_messages("t", [])).ok

    def test_nothing_changes_after_the_hold_until_a_message(self, fleet: Fleet) -> None:
        fleet.fail(Outcome.AUTH)
        fleet.clock.now += 400
        assert fleet.operator.status().lines()[1] == "Forced mode: write_only (reason=auth, remaining=~0s)"

    def test_message_after_the_hold_probes_and_restores(self, fleet: Fleet) -> None:
        fleet.fail(Outcome.AUTH)
        fleet.clock.now += 301
        assert fleet.read().text == "likes the sea"
        assert (fleet.forced, fleet.mode) == (None, Mode.READ_WRITE)
        assert fleet.store().snapshot().record.restores == 1

    def test_failed_probe_holds_again_for_the_full_hold(self, fleet: Fleet) -> None:
        fleet.operator.force("manual", 60)
        fleet.clock.now += 65
        fleet.fail(Outcome.TIMEOUT)
        assert fleet.operator.status().lines()[1] == "Forced mode: write_only (reason=probe_failed, remaining=~300s)"
        assert fleet.store().snapshot().record.downgrades["probe_failed"] == 1

    def test_rate_limited_probe_holds_on_and_is_no_downgrade(self, fleet: Fleet) -> None:
        fleet.fail(Outcome.AUTH)
        fleet.clock.now += 301
        fleet.zep.retry_after_s = 900.0
        fleet.fail(Outcome.RATE_LIMITED)
        record = fleet.store().snapshot().record
        assert record.until - record.since == 900
        assert sum(record.downgrades.values()) == 1

    def test_rate_limit_changes_no_mode(self, fleet: Fleet) -> None:
        fleet.fail(Outcome.RATE_LIMITED, times=5)
        assert (fleet.forced, fleet.store().snapshot().record.failures) == (None, 0)

    def test_write_only_base_is_never_downgraded(self) -> None:
        """Drill 1."""
        fleet = Fleet(FLAG_ZEP_READ="false")
        fleet.zep.fails = Outcome.AUTH
        fleet.workers[0].write("t", lambda zep: zep.add_messages("t", []))
        assert (fleet.forced, fleet.mode) == (None, Mode.WRITE_ONLY)

    def test_hold_ends_without_a_probe_where_base_is_write_only(self) -> None:
        fleet = Fleet(FLAG_ZEP_READ="false")
        fleet.operator.force("manual", 60)
        fleet.clock.now += 61
        fleet.read()
        assert (fleet.forced, fleet.zep.reads) == (None, 0)

    def test_clear_restores_the_base_mode(self, fleet: Fleet) -> None:
        fleet.fail(Outcome.TIMEOUT, times=3)
        fleet.operator.clear()
        assert (fleet.forced, fleet.mode) == (None, Mode.READ_WRITE)
        assert fleet.read().status is ContextStatus.FRESH

    def test_operators_force_is_counted_apart(self, fleet: Fleet) -> None:
        fleet.operator.force("rollback", 900)
        record = fleet.store().snapshot().record
        assert record.forced["rollback"] == 1
        assert sum(record.downgrades.values()) == 0

    def test_unknown_reason_is_refused_by_name(self, fleet: Fleet) -> None:
        with pytest.raises(UnknownReason, match="'tired'"):
            fleet.operator.force("tired", 60)
        assert fleet.forced is None

    @pytest.mark.parametrize("ttl_s", [0, 0.5, -1, 86_401, float("nan"), float("inf")])
    def test_hold_outside_a_second_to_a_day_is_refused(self, fleet: Fleet, ttl_s: float) -> None:
        with pytest.raises(HoldOutOfRange):
            fleet.operator.force("manual", ttl_s)
        assert fleet.forced is None

    def test_turn_of_a_failed_thread_does_not_wait_on_zep_again(self, fleet: Fleet) -> None:
        """Drill 3: the negative window."""
        fleet.zep.fails = Outcome.TIMEOUT
        fleet.read(0, thread="t")
        fleet.clock.now -= 1  # the next turn comes a second later, not two
        assert fleet.read(1, thread="t").status is ContextStatus.NEGATIVE
        assert fleet.zep.reads == 1

    def test_invalidate_drops_the_negative_entry_for_all_workers(self, fleet: Fleet) -> None:
        fleet.zep.fails = Outcome.TIMEOUT
        fleet.read(0, thread="t")
        fleet.zep.fails = None
        assert fleet.operator.invalidate("t") is True
        fleet.clock.now -= 1
        assert fleet.read(1, thread="t").status is ContextStatus.FRESH
