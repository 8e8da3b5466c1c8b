"""One promise for every store: in this process, on a fake Redis, on a real Valkey; and one function in two texts."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import fakeredis
import pytest
import redis
from hypothesis import event, given, settings
from hypothesis import strategies as st

from guard.core.events import (
    AcquireProbe,
    AcquireTrial,
    Clear,
    EffectKind,
    Expire,
    Force,
    Policy,
    Report,
    ResetFailures,
    Ticket,
)
from guard.core.machine import step
from guard.core.modes import Mode, Reason
from guard.core.record import EMPTY, decode_record, encode_record
from guard.core.table import Operation, Outcome, Pause, Phase
from guard.core.worker import Worker
from guard.errors import HoldOutOfRange, StoreUnavailable
from guard.store.memory import MemoryStore
from guard.store.protocol import Store, ThreadEntry
from guard.store.shared import RedisStore, connect

READ, WRITE = Operation.READ, Operation.WRITE
POLICY = Policy(hold_s=300, breaker_open_s=30, lease_s=4)

Make = Callable[..., Store]


@pytest.fixture(params=["memory", "fakeredis", "valkey"])
def make(request: pytest.FixtureRequest, clock: Any, namespace: str) -> Iterator[Make]:
    """Makes stores that share one state."""
    if request.param == "memory":
        one = MemoryStore(POLICY, clock=clock)
        yield lambda: one
        return
    if request.param == "valkey":
        url = request.getfixturevalue("valkey_url")
        request.getfixturevalue("valkey")
        clients = [connect(url, timeout_s=5) for _ in range(2)]
    else:
        server = fakeredis.FakeServer()
        clients = [fakeredis.FakeRedis(server=server, decode_responses=True) for _ in range(2)]
    unused = iter(clients)
    yield lambda: RedisStore(next(unused), namespace=namespace, policy=POLICY, clock=clock)
    for client in clients:
        client.close()


@pytest.fixture
def store(make: Make) -> Store:
    return make()


def report(outcome: str, seen: Any, **changes: Any) -> Report:
    fields = {"operation": READ, "phase": Phase.READ_WRITE, "token": "", **changes}
    extra = {name: fields.pop(name) for name in ("retry_after_s", "thread_id", "thread_version") if name in fields}
    era = seen.record.breaker(fields["operation"]).era
    return Report(
        ticket=Ticket(generation=seen.record.generation, era=era, **fields), outcome=Outcome(outcome), **extra
    )


# -- the contract ----------------------------------------------------------------------------------------------------


def test_a_new_store_has_the_empty_record_and_the_time(store: Store, clock: Any) -> None:
    seen = store.snapshot()
    assert (seen.record, seen.now, seen.effects) == (EMPTY, clock.now, ())


def test_what_one_worker_does_another_sees(make: Make, clock: Any) -> None:
    first, second = make(), make()
    done = first.apply(Force(reason=Reason.MANUAL, ttl_s=60))
    assert second.snapshot().record == done.record
    assert done.record.until == clock.now + 60


def test_every_field_of_a_record_survives_the_store(store: Store) -> None:
    """Also fractions of a second: what comes back is equal, not nearly equal."""
    store._clock.now = 1234.567890123456789  # type: ignore[attr-defined]
    for _ in range(3):
        store.apply(report("timeout", store.snapshot(), operation=WRITE))
    store.apply(report("timeout", store.snapshot()))
    done = store.apply(report("auth", store.snapshot()))
    assert store.snapshot().record == done.record
    assert done.record.write.open_until == store._clock.now + 30  # type: ignore[attr-defined]


def test_a_refused_hold_changes_nothing(store: Store) -> None:
    for ttl_s in (0.5, 86_401.0, float("nan")):
        with pytest.raises(HoldOutOfRange):
            store.apply(Force(reason=Reason.MANUAL, ttl_s=ttl_s))
    assert store.snapshot().record == EMPTY


def test_after_a_reset_as_many_failures_as_ever_downgrade(store: Store) -> None:
    """The read breaker's own row starts anew too: were it open, no third read would be sent."""
    for _ in range(2):
        store.apply(report("timeout", store.snapshot()))
    assert store.apply(ResetFailures()).record.read.failures == 0
    for _ in range(2):
        done = store.apply(report("timeout", store.snapshot()))
        assert done.record.read.closed
        assert done.record.reason is None
    assert store.apply(report("timeout", store.snapshot())).record.reason is Reason.CONSECUTIVE_FAILURES


def test_a_reset_closes_an_open_read_breaker_and_no_other(store: Store) -> None:
    for operation in (WRITE, READ):
        for _ in range(3):
            store.apply(report("timeout", store.snapshot(), operation=operation))
    done = store.apply(ResetFailures())
    assert [effect.kind for effect in done.effects] == [EffectKind.BREAKER_CLOSED, EffectKind.FAILURES_RESET]
    assert done.record.read.closed
    assert not done.record.write.closed


def test_of_many_threads_one_gets_the_probe_and_one_401_counts(make: Make, clock: Any) -> None:
    """Eight threads that ask at once: one lease; eight that report the same 401: one downgrade."""
    stores = [make(), make()]
    seen = stores[0].snapshot()

    def at_once(action: Callable[[Store, int], Any]) -> list[Any]:
        barrier, done = threading.Barrier(8), []

        def run(number: int) -> None:
            barrier.wait()
            done.append(action(stores[number % 2], number))

        threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return done

    told = at_once(lambda store, _: store.apply(report("auth", seen)))
    assert sum(applied.did(EffectKind.DOWNGRADED) for applied in told) == 1
    assert stores[0].snapshot().record.downgrades["auth"] == 1
    clock.now += 301
    generation = stores[0].snapshot().record.generation
    asked = at_once(lambda store, n: store.apply(AcquireProbe(generation=generation, token=f"t{n}")))
    assert sum(applied.did(EffectKind.GRANTED) for applied in asked) == 1


def test_a_429_pauses_its_thread_and_no_other(store: Store, clock: Any) -> None:
    seen = store.snapshot()
    done = store.apply(report("rate_limited", seen, thread_id="t", retry_after_s=7.5))
    assert done.record == seen.record
    assert store.thread_entry("t") == ThreadEntry(pause_until=clock.now + 7.5, why=Pause.RETRY_AFTER)
    assert store.thread_entry("u").pause_until == 0.0
    assert store.forget_thread("t") is True
    assert store.thread_entry("t").pause_until == 0.0
    assert store.forget_thread("t") is False


def test_a_call_that_was_under_way_when_its_threads_entry_was_dropped_leaves_no_new_one(store: Store) -> None:
    """The operator's ``--invalidate`` is not undone by a read that began before it."""
    before = store.thread_entry("t").version
    store.forget_thread("t")
    late = report("rate_limited", store.snapshot(), thread_id="t", retry_after_s=600.0, thread_version=before)
    store.apply(late)
    assert store.thread_entry("t").pause_until == 0.0
    now = replace(late, thread_version=store.thread_entry("t").version)
    store.apply(now)
    assert store.thread_entry("t").pause_until > 0.0


def test_a_429_without_a_wait_leaves_nothing_behind(store: Store) -> None:
    store.apply(report("rate_limited", store.snapshot(), thread_id="t", retry_after_s=0.0))
    assert store.forget_thread("t") is False


@pytest.mark.parametrize("outcome", ["timeout", "connection", "server_error", "wrong_shape"])
def test_a_failed_read_keeps_its_thread_from_zep_for_the_negative_window(
    store: Store, outcome: str, clock: Any
) -> None:
    store.apply(report(outcome, store.snapshot(), thread_id="t"))
    entry = store.thread_entry("t")
    assert (entry.pause_until, entry.why) == (clock.now + 1.5, "negative")
    assert store.thread_entry("u").pause_until == 0.0


@pytest.mark.parametrize("outcome", ["answered", "not_found", "auth", "refused"])
def test_other_outcomes_pause_no_thread(store: Store, outcome: str) -> None:
    store.apply(report(outcome, store.snapshot(), thread_id="t", retry_after_s=9.0))
    assert store.thread_entry("t").pause_until == 0.0


def test_a_shorter_pause_never_cuts_a_longer_one(store: Store, clock: Any) -> None:
    """A read that was under way beside the 429 fails; the thread still waits as long as Zep asked for."""
    store.apply(report("rate_limited", store.snapshot(), thread_id="t", retry_after_s=60.0))
    store.apply(report("timeout", store.snapshot(), thread_id="t"))
    store.apply(report("rate_limited", store.snapshot(), thread_id="t", retry_after_s=1.0))
    assert store.thread_entry("t") == ThreadEntry(pause_until=clock.now + 60, why=Pause.RETRY_AFTER)


@pytest.mark.parametrize("thread_id", ["a:b", "a b", "ü", "user@example.com", "mode", "*"])
def test_any_thread_id_has_an_entry_of_its_own(store: Store, thread_id: str, clock: Any) -> None:
    before = store.snapshot().record
    store.apply(report("rate_limited", store.snapshot(), thread_id=thread_id, retry_after_s=5.0))
    assert store.thread_entry(thread_id).pause_until == clock.now + 5
    assert store.snapshot().record == before


def test_workers_are_listed_by_name_while_they_beat(store: Store, clock: Any) -> None:
    for name in ("b", "a"):
        store.beat(Worker(name=name, program="p", pid=7, base=Mode.READ_WRITE, reads=name == "a"))
    listed = store.workers()
    assert [worker.name for worker in listed] == ["a", "b"]
    assert listed[0] == Worker(name="a", program="p", pid=7, base=Mode.READ_WRITE, seen=clock.now, reads=True)
    assert listed[1].reads is False
    clock.now += 2
    store.beat(Worker(name="b", program="p", pid=7, base=Mode.WRITE_ONLY))
    clock.now += 2
    assert [(worker.name, worker.base) for worker in store.workers()] == [("b", Mode.WRITE_ONLY)]
    store.retire("b")
    store.retire("never there")
    assert store.workers() == []


@pytest.mark.parametrize(
    ("base", "reads", "stays"), [("read_write", True, True), ("read_write", False, False), ("write_only", True, False)]
)
def test_a_hold_does_not_expire_while_somebody_lives_who_would_probe(
    store: Store, clock: Any, base: str, reads: bool, stays: bool
) -> None:
    """A flag is flipped worker by worker: one that reads nothing must not restore the mode of those that do."""
    store.apply(Force(reason=Reason.AUTH, ttl_s=60, operator=False))
    clock.now += 61
    store.beat(Worker(name="w", program="p", pid=1, base=Mode(base), reads=reads))
    generation = store.snapshot().record.generation
    done = store.apply(Expire(generation=generation))
    assert (done.record.reason is Reason.AUTH) is stays
    assert done.did(EffectKind.STALE) is stays
    clock.now += 4
    assert store.apply(Expire(generation=generation)).record.reason is None


# -- only Redis ------------------------------------------------------------------------------------------------------


def test_without_a_clock_the_servers_time_counts(valkey: redis.Redis, namespace: str) -> None:
    before = valkey.time()
    seen = RedisStore(valkey, namespace=namespace).snapshot()
    assert before[0] + before[1] / 1e6 <= seen.now <= before[0] + 60


def test_two_namespaces_share_nothing(valkey: redis.Redis) -> None:
    one, other = (RedisStore(valkey, namespace=name) for name in ("one", "other"))
    one.apply(Force(reason=Reason.MANUAL, ttl_s=60))
    one.beat(Worker(name="w", program="p", pid=1, base=Mode.OFF))
    assert other.snapshot().record == EMPTY
    assert other.workers() == []
    assert all(key.startswith("one:") for key in valkey.scan_iter())


def test_a_pause_that_is_over_leaves_no_key(valkey: redis.Redis, namespace: str, wait_for: Any) -> None:
    """Threads without end must not fill the store."""
    store = RedisStore(valkey, namespace=namespace)
    store.apply(report("rate_limited", store.snapshot(), thread_id="t", retry_after_s=0.05))
    assert 0 < valkey.pttl(f"{namespace}:thread:t") <= 1050


def test_pauses_that_are_over_do_not_pile_up_in_memory(clock: Any) -> None:
    store = MemoryStore(POLICY, clock=clock)
    for number in range(100):
        store.apply(report("rate_limited", store.snapshot(), thread_id=f"t{number}", retry_after_s=5.0))
        clock.now += 10
    assert len(store._threads) <= 1
    assert store.forget_thread("t99") is False


def test_a_restarted_server_is_given_the_script_anew(valkey: redis.Redis, namespace: str) -> None:
    store = RedisStore(valkey, namespace=namespace)
    store.snapshot()
    valkey.script_flush()
    assert store.apply(Force(reason=Reason.MANUAL, ttl_s=60)).did(EffectKind.FORCED)


def test_the_dead_are_forgotten_after_a_while(valkey: redis.Redis, namespace: str, clock: Any) -> None:
    store = RedisStore(valkey, namespace=namespace, clock=clock)
    store.beat(Worker(name="dead", program="p", pid=1, base=Mode.OFF))
    clock.now += 61
    assert store.workers() == []
    assert valkey.hlen(f"{namespace}:workers") == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("generation", "many"),
        ("generation", "inf"),
        ("reason", "no word"),
        ("downgrades.auth", "x"),
        ("until", "later"),
    ],
)
def test_a_record_that_is_not_the_guards_is_said_to_be_so(
    valkey: redis.Redis, namespace: str, field: str, value: str
) -> None:
    valkey.hset(f"{namespace}:mode", field, value)
    with pytest.raises(StoreUnavailable, match="ZEPGUARD_NAMESPACE"):
        RedisStore(valkey, namespace=namespace).snapshot()


def test_a_key_of_another_type_is_a_store_that_cannot_be_used(valkey: redis.Redis, namespace: str) -> None:
    valkey.set(f"{namespace}:mode", "hello")
    valkey.set(f"{namespace}:workers", "hello")
    store = RedisStore(valkey, namespace=namespace)
    for ask in (store.snapshot, store.workers, lambda: store.apply(ResetFailures())):
        with pytest.raises(StoreUnavailable, match="zep_mode --clear"):
            ask()
    assert store.apply(Clear()).record.generation == 1
    store.beat(Worker(name="w", program="p", pid=1, base=Mode.OFF))
    assert [worker.name for worker in store.workers()] == ["w"]


_NO_COUNTS = ["hello", "", "nan", "-inf", "1e400", "9" * 400, "0x1F", "1e300", "\0", "\u0663", b"\xff"]
_NO_WORDS = ["two words", "\0", b"\xff"]


@pytest.mark.parametrize("field", [*encode_record(EMPTY), "trend"])
def test_a_clear_makes_a_record_readable_whatever_stands_in_a_field(
    valkey: redis.Redis, namespace: str, field: str
) -> None:
    """The error says to clear; and all that can be read is kept."""
    is_text = encode_record(EMPTY).get(field, "") == ""
    for value in _NO_WORDS if is_text else _NO_COUNTS:
        valkey.delete(f"{namespace}:mode")
        store = RedisStore(valkey, namespace=namespace)
        store.apply(Force(reason=Reason.ROLLBACK, ttl_s=60.0, operator=True))
        valkey.hset(f"{namespace}:mode", "restores", "7")
        valkey.hset(f"{namespace}:mode", "of_a_later_release", "two words")
        valkey.hset(f"{namespace}:mode", field, value)
        with suppress(StoreUnavailable):
            store.apply(Force(reason=Reason.AUTH, ttl_s=60.0, operator=True))
        store.apply(Clear())
        record = store.snapshot().record
        assert record.reason is None
        assert record.restores == (0 if field == "restores" else 7)
        assert valkey.hget(f"{namespace}:mode", "of_a_later_release") == "two words"
        for operation in Operation:
            store.apply(report("timeout", store.snapshot(), operation=operation))
        store.apply(Force(reason=Reason.AUTH, ttl_s=60.0))
        assert store.apply(Clear()).record.generation == record.generation + 2


def test_what_no_step_can_be_made_with_is_told_with_the_remedy(valkey: redis.Redis, namespace: str) -> None:
    store = RedisStore(valkey, namespace=namespace)
    valkey.hset(f"{namespace}:mode", "generation", "hello")
    with pytest.raises(StoreUnavailable, match="zep_mode --clear"):
        store.apply(Force(reason=Reason.MANUAL, ttl_s=60.0))


def test_a_thread_of_another_type_keeps_no_persons_contexts_alive(valkey: redis.Redis, namespace: str) -> None:
    """It is passed over, as a read of it is; not so a server that refuses."""
    store = RedisStore(valkey, namespace=namespace)
    valkey.set(f"{namespace}:thread:odd", "hello")
    for number in range(20):
        valkey.hset(f"{namespace}:thread:t{number}", mapping={"context:ada": "x", "context_at:ada": "1"})
    assert store.forget_user("ada") == 20
    assert valkey.keys(f"{namespace}:thread:*") == [f"{namespace}:thread:odd"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store._wire, "thread_fields", lambda _: [])  # HDEL of no field is an error of the server's
        with pytest.raises(StoreUnavailable, match="wrong number of arguments"):
            store.forget_user("ada")


@pytest.mark.parametrize("beat", ['{"pid": 1e999}', '{"pid": "x"}', "[]", "hello"])
def test_a_heartbeat_that_cannot_be_read_hides_no_other(valkey: redis.Redis, namespace: str, beat: str) -> None:
    valkey.hset(f"{namespace}:workers", "odd", beat.replace("{", '{"program": "p", "base": "off", "seen": 1, '))
    store = RedisStore(valkey, namespace=namespace)
    store.beat(Worker(name="w", program="p", pid=1, base=Mode.OFF))
    assert [worker.name for worker in store.workers()] == ["w"]


def test_a_server_that_is_away_is_named_and_not_waited_for() -> None:
    client = connect("redis://127.0.0.1:1/0", timeout_s=0.2)
    store = RedisStore(client, namespace="n")
    worker = Worker(name="w", program="p", pid=1, base=Mode.OFF)
    for ask in (
        store.snapshot,
        store.workers,
        lambda: store.apply(Clear()),
        lambda: store.thread_entry("t"),
        lambda: store.forget_thread("t"),
        lambda: store.beat(worker),
        lambda: store.retire("w"),
    ):
        with pytest.raises(StoreUnavailable, match="check GUARD_REDIS_URL"):
            ask()
    client.close()


def test_fields_of_a_later_release_are_passed_over() -> None:
    assert decode_record({"generation": "3", "novelty": "x"}) == replace(EMPTY, generation=3)


# -- one function, two texts -----------------------------------------------------------------------------------------

TOKENS = ("a", "b", "")


@st.composite
def _tickets(draw: st.DrawFn) -> tuple[Operation, Phase, int, int, str]:
    """Mostly of the current state: a random generation would almost always be stale."""
    return (
        draw(st.sampled_from(Operation)),
        draw(st.sampled_from(Phase)),
        draw(st.sampled_from([0, 0, 0, 0, 1])),
        draw(st.sampled_from([0, 0, 0, 0, 1])),
        draw(st.sampled_from(TOKENS)),
    )


_REPORTS = st.tuples(st.just("report"), _tickets(), st.sampled_from(Outcome), st.sampled_from([0.0, 7.5, 400.0]))
_BAD = st.sampled_from([Outcome.TIMEOUT, Outcome.CONNECTION, Outcome.SERVER_ERROR, Outcome.WRONG_SHAPE])
_MOVES = st.one_of(
    _REPORTS,
    st.tuples(st.just("call"), st.sampled_from(Operation), st.sampled_from(Outcome), st.sampled_from([0.0, 400.0])),
    st.tuples(st.just("failures"), st.sampled_from(Operation), _BAD),
    st.just(("probe", Outcome.ANSWERED, 0.0, True, True)),
    st.just(("two_forces",)),
    st.just(("ended_hold_expires",)),
    st.tuples(st.just("probe"), st.sampled_from(Outcome), st.sampled_from([0.0, 400.0]), st.booleans(), st.booleans()),
    st.tuples(st.just("trial"), st.sampled_from(Operation), st.sampled_from(Outcome), st.booleans(), st.booleans()),
    st.tuples(st.just("acquire_probe"), st.sampled_from([0, 1]), st.sampled_from(TOKENS)),
    st.tuples(st.just("acquire_trial"), st.sampled_from(Operation), st.sampled_from([0, 1]), st.sampled_from(TOKENS)),
    st.tuples(st.just("force"), st.sampled_from(Reason), st.sampled_from([1.0, 299.9, 600.5, 86_400.0]), st.booleans()),
    st.tuples(st.just("expire"), st.sampled_from([0, 0, 1])),
    st.tuples(st.just("clear")),
    st.tuples(st.just("reset")),
    st.tuples(st.just("wait"), st.sampled_from([0.1, 3.9, 4.0, 29.75, 30.0, 300.0, 1e5])),
    st.tuples(st.just("until"), st.sampled_from(["hold", "read", "write"])),
)

REACHED: Counter[str] = Counter()
NEEDED = {
    "downgraded",
    "reheld",
    "restored",
    "forced",
    "kept",
    "cleared",
    "expired",
    "stale",
    "granted",
    "denied",
    "breaker_opened",
    "breaker_closed",
    "failure_counted",
    "failures_reset",
    "state: forced",
    "state: hold ended",
    "state: probing",
    "state: read breaker open",
    "state: write breaker open",
    "state: trial",
    "state: both open",
}


class Twins:
    """The pure function and the script, side by side through one history."""

    def __init__(self, client: redis.Redis, policy: Policy) -> None:
        self.now = 1_700_000_000.123
        self.policy = policy
        self.record = EMPTY
        self.store = RedisStore(client, namespace="twins", policy=policy, clock=lambda: self.now)

    def apply(self, what: Any) -> None:
        self.record, effects = step(self.record, what, self.now, self.policy)
        applied = self.store.apply(what)
        assert applied.effects == effects, what
        assert applied.record == self.record, what
        assert applied.now == self.now
        self._note(effects)

    def _note(self, effects: Any) -> None:
        record = self.record
        reached = [effect.kind.value for effect in effects]
        reached += ["state: forced"] * record.held(self.now)
        reached += ["state: hold ended"] * (record.reason is not None and not record.held(self.now))
        reached += ["state: probing"] * bool(record.lease)
        reached += ["state: read breaker open"] * (not record.read.closed)
        reached += ["state: write breaker open"] * (not record.write.closed)
        reached += ["state: trial"] * bool(record.read.trial or record.write.trial)
        reached += ["state: both open"] * (not record.read.closed and not record.write.closed)
        for name in set(reached):
            event(name)
            REACHED[name] += 1

    def ticket(self, operation: Operation, phase: Phase, older: int = 0, era: int = 0, token: str = "") -> Ticket:
        return Ticket(
            operation=operation,
            phase=phase,
            generation=self.record.generation - older,
            era=self.record.breaker(operation).era - era,
            token=token,
        )

    def move(self, kind: str, *arguments: Any) -> None:
        getattr(self, kind)(*arguments)

    def report(self, ticket: Any, outcome: Outcome, retry_after_s: float) -> None:
        self.apply(Report(ticket=self.ticket(*ticket), outcome=outcome, retry_after_s=retry_after_s, thread_id="t"))

    def call(self, operation: Operation, outcome: Outcome, retry_after_s: float) -> None:
        phase = Phase.READ_WRITE if self.record.reason is None else Phase.WRITE_ONLY
        self.apply(Report(ticket=self.ticket(operation, phase), outcome=outcome, retry_after_s=retry_after_s))

    def failures(self, operation: Operation, outcome: Outcome) -> None:
        for _ in range(3):
            self.call(operation, outcome, 0.0)

    def probe(self, outcome: Outcome, retry_after_s: float, in_time: bool, due: bool) -> None:
        if due:  # else it comes as it may: mostly there is no hold that has ended
            if self.record.reason is None:
                self.force(Reason.MANUAL, 1.0, True)
            self.until("hold")
        ticket = self.ticket(READ, Phase.PROBE, token="p")
        self.apply(AcquireProbe(generation=ticket.generation, token="p"))
        if not in_time:
            self.now += self.policy.lease_s
            self.apply(AcquireProbe(generation=ticket.generation, token="q"))
        self.apply(Report(ticket=ticket, outcome=outcome, retry_after_s=retry_after_s))

    def trial(self, operation: Operation, outcome: Outcome, in_time: bool, due: bool) -> None:
        if due:
            for _ in range(3 * self.record.breaker(operation).closed):
                self.call(operation, Outcome.TIMEOUT, 0.0)
            self.until(operation)
        ticket = self.ticket(operation, Phase.READ_WRITE, token="p")
        self.apply(AcquireTrial(operation=operation, era=ticket.era, token="p"))
        if not in_time:
            self.now += self.policy.lease_s
            self.apply(AcquireTrial(operation=operation, era=ticket.era, token="q"))
        self.apply(Report(ticket=ticket, outcome=outcome))

    def acquire_probe(self, older: int, token: str) -> None:
        self.apply(AcquireProbe(generation=self.record.generation - older, token=token))

    def acquire_trial(self, operation: Operation, older: int, token: str) -> None:
        self.apply(AcquireTrial(operation=operation, era=self.record.breaker(operation).era - older, token=token))

    def force(self, reason: Reason, ttl_s: float, operator: bool) -> None:
        if not operator and reason not in self.record.downgrades:
            reason = Reason.AUTH
        self.apply(Force(reason=reason, ttl_s=ttl_s, operator=operator))

    def two_forces(self) -> None:
        self.force(Reason.MANUAL, 600.5, True)
        self.force(Reason.AUTH, 299.9, False)

    def ended_hold_expires(self) -> None:
        self.force(Reason.MANUAL, 1.0, True)
        self.until("hold")
        self.expire(0)

    def expire(self, older: int) -> None:
        self.apply(Expire(generation=self.record.generation - older))

    def clear(self) -> None:
        self.apply(Clear())

    def reset(self) -> None:
        self.apply(ResetFailures())

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def until(self, what: str) -> None:
        ends = self.record.until if what == "hold" else self.record.breaker(Operation(what)).open_until
        self.now = max(self.now, ends)


def _drive(client: redis.Redis, policy: Policy, history: list[tuple[Any, ...]]) -> None:
    client.flushall()
    twins = Twins(client, policy)
    for kind, *arguments in history:
        twins.move(kind, *arguments)


@pytest.mark.parametrize("server", ["valkey", "fakeredis"])
def test_script_and_function_agree_through_any_history(server: str, request: pytest.FixtureRequest) -> None:
    """The same events at the same times give the same records and effects; and the search reaches every state."""
    client = request.getfixturevalue("valkey") if server == "valkey" else fakeredis.FakeRedis(decode_responses=True)

    @settings(max_examples=200 if server == "valkey" else 40, deadline=None)
    @given(
        policy=st.sampled_from([POLICY, replace(POLICY, failure_threshold=5), replace(POLICY, breaker_threshold=1)]),
        history=st.lists(_MOVES, min_size=8, max_size=40),
    )
    def agree(policy: Policy, history: list[tuple[Any, ...]]) -> None:
        _drive(client, policy, history)

    REACHED.clear()
    agree()
    for _ in range(4):  # a search of this length misses one of them now and then
        if server == "valkey" and NEEDED - set(REACHED):
            agree()
    client.close()
    assert server != "valkey" or NEEDED - set(REACHED) == set()
