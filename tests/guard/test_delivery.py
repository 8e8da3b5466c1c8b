"""The delivery: once, in order, after any failure; with the fake Zep's store as the truth."""

from __future__ import annotations

import json
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard import MemoryService, read_settings
from guard.core.events import Force
from guard.core.modes import Mode, Reason
from guard.core.settings import SETTLE_S
from guard.engine import WriteResult
from guard.metrics import instruments
from guard.outbox.delivery import CALLS_A_BATCH_MAX, POLL_S, DeliveryLoop, backoff_s, deliver
from guard.outbox.rows import Batch, Row
from guard.store.memory import MemoryStore


class Post:
    """An outbox, its delivery by hand, and a clock."""

    def __init__(self, environ: dict[str, str], zep_url: str, clock: Any) -> None:
        from guard.django.outbox import DjangoRows

        self.environ = {**environ, "GUARD_REDIS_URL": "", "ZEP_BASE_URL": zep_url, "ZEP_TIMEOUT_MS": "3000"}
        self.clock = clock
        self.rows = DjangoRows()
        self.open()

    def open(self, **variables: str) -> None:
        settings = read_settings({**self.environ, **variables})
        self.store = MemoryStore(settings.policy, clock=self.clock)
        self.service = MemoryService(settings, store=lambda: self.store, monotonic=self.clock)

    def accept(self, thread_id: str = "t", *contents: str, user_id: str = "u") -> list[str]:
        from guard.django.outbox import accept

        return [
            str(message.outbox_id)
            for content in contents
            for message in accept(
                user_id=user_id, thread_id=thread_id, role="user", content=content, turn_id=uuid.uuid4()
            )
        ]

    def deliver(self) -> bool | None:
        """Claim and deliver one batch; None if there is none due."""
        batch = self.rows.claim(now=self.clock.now, lease_s=10)
        return None if batch is None else deliver(self.service, self.rows, batch, clock=self.clock, draw=lambda: 0.0)

    def waiting(self) -> list[Any]:
        from guard.django.models import OutboxMessage

        return list(OutboxMessage.objects.exclude(state="delivered").order_by("id"))


@pytest.fixture
def post(database: dict[str, Any], environ: dict[str, str], fakezep: Any, clock: Any) -> Iterator[Post]:
    post = Post(environ, fakezep.url, clock)
    yield post
    post.service.close()


def test_user_and_thread_are_made_on_demand(post: Post, fakezep: Any) -> None:
    """And messages arrive in order, each with its outbox id."""
    ids = post.accept("t", "one", "two", "three")
    failures = instruments.WRITE_FAILURES._value.get()
    assert post.deliver() is True
    assert [(m["content"], m["metadata"]["outbox_id"]) for m in fakezep.stored("t")] == list(
        zip(["one", "two", "three"], ids, strict=True)
    )
    assert [entry["route"] for entry in fakezep.journal()] == [
        "add_messages",
        "create_thread",
        "create_user",
        "create_thread",
        "add_messages",
    ]
    assert post.waiting() == []
    assert instruments.WRITE_FAILURES._value.get() == failures


def test_a_known_thread_takes_one_request(post: Post, fakezep: Any) -> None:
    post.accept("t", "one")
    post.deliver()
    fakezep.call("DELETE", "/journal")
    post.accept("t", "two")
    assert post.deliver() is True
    assert [entry["route"] for entry in fakezep.journal()] == ["add_messages"]


def test_a_thread_that_was_made_meanwhile_is_success(post: Post, fakezep: Any) -> None:
    """Two processes meet a new user at once: "already exists" stops neither."""
    post.accept("t", "one")
    post.deliver()
    fakezep.fault("status", status=404, count=1, route="add_messages")
    post.accept("t", "two")
    assert post.deliver() is True
    assert fakezep.contents("t") == ["one", "two"]


@pytest.mark.parametrize("thread_id", ["user@example.com", "a:b", "a b", "ü"])
def test_thread_ids_reach_zep_unchanged(post: Post, fakezep: Any, thread_id: str) -> None:
    post.accept(thread_id, "hello", user_id=thread_id)
    assert post.deliver() is True
    assert fakezep.contents(thread_id) == ["hello"]


def test_more_than_thirty_go_in_batches(post: Post, fakezep: Any) -> None:
    contents = [f"m{n}" for n in range(65)]
    post.accept("t", *contents)
    assert [post.deliver() for _ in range(4)] == [True, True, True, None]
    assert fakezep.contents("t") == contents


@pytest.mark.parametrize("kind", ["lose_answer", "half_body", "answer_late"])
def test_an_answer_that_was_lost_after_the_write_stores_once(post: Post, fakezep: Any, kind: str) -> None:
    """The message is looked up before it is sent again, and found."""
    post.open(ZEP_TIMEOUT_MS="500")
    post.accept("t", "zero")
    post.deliver()
    fakezep.fault(kind, route="add_messages", count=1, delay_s=1.0)
    post.accept("t", "one", "two")
    assert post.deliver() is False
    assert [row.unsure for row in post.waiting()] == [True, True]
    post.accept("t", "three")
    post.clock += 2
    fakezep.call("DELETE", "/journal")
    assert post.deliver() is True
    assert fakezep.contents("t") == ["zero", "one", "two", "three"]
    assert [entry["route"] for entry in fakezep.journal()] == ["get_messages", "add_messages"]


def test_a_write_refused_before_it_was_done_is_sent_again_after_a_look(post: Post, fakezep: Any) -> None:
    post.accept("t", "one")
    post.deliver()
    fakezep.fault("refuse_before_write", route="add_messages", count=1)
    post.accept("t", "two")
    assert post.deliver() is False
    post.clock += 60
    assert post.deliver() is True
    assert fakezep.contents("t") == ["one", "two"]


def test_the_first_message_of_a_thread_may_have_an_unknown_fate(post: Post, fakezep: Any) -> None:
    """The look-up finds no thread; it is made and the message is sent."""
    fakezep.fault("refuse_before_write", count=1)
    post.accept("t", "one")
    assert post.deliver() is False
    post.clock += 60
    assert post.deliver() is True
    assert fakezep.contents("t") == ["one"]


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503, 402, 409])
def test_whatever_zep_says_the_message_stays_and_goes_out_after_recovery(post: Post, fakezep: Any, status: int) -> None:
    """In order, once."""
    post.accept("t", "one")
    fakezep.fault("status", status=status)
    for _ in range(2):
        assert post.deliver() is False
        post.clock += 120
    post.accept("t", "two")
    fakezep.heal()
    post.clock += 400
    assert post.deliver() is True
    assert fakezep.contents("t") == ["one", "two"]


def test_a_look_up_that_fails_sends_nothing(post: Post, fakezep: Any) -> None:
    post.accept("t", "one")
    post.deliver()
    fakezep.fault("lose_answer", route="add_messages", count=1)
    post.accept("t", "two")
    post.deliver()
    for fault in ({"status": 500}, {"status": 401}, {"status": 200, "body": "null"}):
        post.clock += 120
        fakezep.fault("status", route="get_messages", count=1, **fault)
        assert post.deliver() is False
        assert [row.unsure for row in post.waiting()] == [True]
    post.clock += 400
    post.deliver()
    assert fakezep.contents("t") == ["one", "two"]


def test_a_429_is_waited_for_as_long_as_it_says(post: Post, fakezep: Any) -> None:
    post.accept("t", "one")
    fakezep.fault("status", status=429, retry_after_s=500, count=1)
    post.deliver()
    post.clock += 499
    assert post.deliver() is None
    post.clock += 2
    assert post.deliver() is True


def test_a_write_that_was_not_taken_is_counted_as_failed(post: Post, fakezep: Any) -> None:
    """A 429 too: the checklist's write success rate must not look better than it is."""
    post.accept("t", "one")
    for status in (429, 500, 401):
        failures, requests = instruments.WRITE_FAILURES._value.get(), instruments.WRITE_REQUESTS._value.get()
        fakezep.fault("status", status=status, count=1)
        post.deliver()
        assert instruments.WRITE_FAILURES._value.get() == failures + 1
        assert instruments.WRITE_REQUESTS._value.get() == requests + 1
        post.clock += 120


def test_while_the_breaker_is_open_nothing_is_sent_and_no_attempt_counts(post: Post, fakezep: Any) -> None:
    post.open(ZEPGUARD_BREAKER_OPEN_S="1000")
    fakezep.fault("status", status=503)
    post.accept("t", "one")
    for _ in range(3):
        post.deliver()
        post.clock += 60
    fakezep.call("DELETE", "/journal")
    attempts = post.waiting()[0].attempts
    for _ in range(5):
        assert post.deliver() is False
        post.clock += POLL_S
    assert fakezep.journal() == []
    assert post.waiting()[0].attempts == attempts == 3
    fakezep.heal()
    post.clock += 1000
    assert post.deliver() is True


def test_writes_go_on_in_a_forced_write_only(post: Post, fakezep: Any) -> None:
    post.store.apply(Force(reason=Reason.MANUAL, ttl_s=600))
    post.accept("t", "one")
    assert post.deliver() is True


def test_a_401_on_a_write_downgrades(post: Post, fakezep: Any) -> None:
    fakezep.keys("another")
    post.accept("t", "one")
    post.deliver()
    assert post.store.snapshot().record.reason is Reason.AUTH


def test_a_claim_that_ran_out_before_the_send_sends_nothing(post: Post, fakezep: Any) -> None:
    """A process that was held up must not send what another may be sending by now."""
    post.accept("t", "one")
    batch = post.rows.claim(now=post.clock.now, lease_s=10)
    post.clock += 9
    assert deliver(post.service, post.rows, batch, clock=post.clock) is False
    assert fakezep.journal("add_messages") == []
    post.clock += 2
    assert post.deliver() is True
    assert fakezep.contents("t") == ["one"]


@given(
    attempts=st.integers(1, 10_000),
    first_s=st.floats(0.01, 3600),
    more_s=st.floats(0, 86_400),
    draw=st.floats(0, 1, exclude_max=True),
)
def test_backoff_doubles_within_bounds(attempts: int, first_s: float, more_s: float, draw: float) -> None:
    """Never above the longest, never below three quarters of the first, never shorter for more attempts."""
    longest_s = first_s + more_s
    wait_s = backoff_s(attempts, first_s=first_s, longest_s=longest_s, draw=draw)
    assert 0.75 * first_s <= wait_s <= longest_s
    assert wait_s <= backoff_s(attempts + 1, first_s=first_s, longest_s=longest_s, draw=draw)
    if attempts == 1 and draw == 0:
        assert wait_s == first_s


# -- unknown fate ----------------------------------------------------------------------------------------------------


def test_a_claim_outlives_the_calls_of_a_batch(post: Post) -> None:
    loop = DeliveryLoop(post.service, post.rows)
    assert loop._lease_s > CALLS_A_BATCH_MAX * post.service.settings.timeout_s


def unknown() -> float:
    return float(instruments.OUTBOX_UNKNOWN._value.get())


def test_a_late_landing_is_found_and_not_sent_again(post: Post, fakezep: Any) -> None:
    """Each look before the message has settled sends nothing; one that finds it ends the wait."""
    post.accept("t", "zero")
    post.deliver()
    post.accept("t", "one", "two")
    rows = [row.id for row in post.waiting()]
    batch = post.rows.claim(now=post.clock.now, lease_s=10)
    post.rows.put_back(
        batch, not_before=0, error="timeout", attempted=True, unsure=rows, settles_at=post.clock.now + SETTLE_S
    )
    before = unknown()
    fakezep.call("DELETE", "/journal")
    for _ in range(3):
        assert post.deliver() is False
        post.clock += SETTLE_S / 5
    assert fakezep.journal("add_messages") == []
    _land(fakezep, "t", post.waiting())
    post.clock += 60
    assert post.deliver() is True
    assert fakezep.contents("t") == ["zero", "one", "two"]
    assert unknown() == before


def test_what_is_absent_once_it_has_settled_is_sent_again_and_reported(post: Post, fakezep: Any) -> None:
    """Beyond the settling time a request may land all the same: the row says so, and the count."""
    post.accept("t", "zero")
    post.deliver()
    fakezep.fault("refuse_before_write", route="add_messages", count=1)
    post.accept("t", "one")
    before = unknown()
    assert post.deliver() is False
    failed_at = post.clock.now
    late = post.waiting()
    while post.waiting():
        post.clock += 0.5
        if post.deliver():
            break
        assert unknown() == before
    assert SETTLE_S <= post.clock.now - failed_at <= SETTLE_S + 1
    assert unknown() == before + 1
    from guard.django.models import OutboxMessage

    assert list(OutboxMessage.objects.order_by("id").values_list("unknown", flat=True)) == [False, True]
    _land(fakezep, "t", late)
    assert fakezep.contents("t") == ["zero", "one", "one"]


def _land(fakezep: Any, thread_id: str, rows: list[Any]) -> None:
    """The request that was given up is applied now."""
    from guard.zep.calls import OutgoingMessage
    from guard.zep.sdk import SdkZep

    zep = SdkZep(base_url=fakezep.url, api_key=fakezep.api_key, timeout_s=5)
    zep.add_messages(
        thread_id,
        [
            OutgoingMessage(
                outbox_id=str(row.outbox_id), role=row.role, content=row.content, created_at="2026-11-23T12:00:00Z"
            )
            for row in rows
        ],
    )
    zep.close()


def test_later_messages_of_the_thread_wait_behind_one_that_settles(post: Post, fakezep: Any) -> None:
    post.accept("t", "zero")
    post.deliver()
    fakezep.fault("refuse_before_write", route="add_messages", count=1)
    post.accept("t", "one")
    post.deliver()
    post.accept("t", "two")
    post.accept("other", "three")
    post.clock += 5
    results = {post.deliver(), post.deliver()}
    assert results == {True, False}
    assert fakezep.contents("other") == ["three"]
    assert fakezep.contents("t") == ["zero"]
    post.clock += SETTLE_S
    assert post.deliver() is True
    assert fakezep.contents("t") == ["zero", "one", "two"]


def test_a_look_up_of_unknown_fate_makes_nothing_more_unsure(post: Post, fakezep: Any) -> None:
    """Nor does the making of a thread: only a message that was sent may land late."""
    fakezep.fault("lose_answer", route="create_thread", count=1)
    post.accept("t", "one")
    assert post.deliver() is False
    assert [row.unsure for row in post.waiting()] == [False]


# -- dead letters ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("guilty", [[0], [6], [29], [3, 4], [0, 15, 29]])
def test_what_zep_refuses_is_buried_and_the_others_of_its_batch_are_stored_once(
    post: Post, fakezep: Any, guilty: list[int]
) -> None:
    """The fake refuses a message of more than 4,096 characters, and with it the call."""
    contents = [f"m{number}" for number in range(35)]
    post.accept("t", *contents)
    from guard.django.models import OutboxMessage

    for number in guilty:  # too long without a split, as of an app that writes rows itself
        OutboxMessage.objects.filter(content=f"m{number}").update(content="x" * 5000)
    dead, delivered = instruments.OUTBOX_DEAD._value.get(), instruments.OUTBOX_DELIVERED._value.get()
    while post.deliver() is not None:
        post.clock += 1
    assert fakezep.contents("t") == [text for number, text in enumerate(contents) if number not in guilty]
    letters = post.rows.dead_letters()
    assert [letter.reason for letter in letters] == ["refused: HTTP 400"] * len(guilty)
    assert {(letter.user_id, letter.thread_id, letter.role) for letter in letters} == {("u", "t", "user")}
    assert instruments.OUTBOX_DEAD._value.get() == dead + len(guilty)
    assert instruments.OUTBOX_DELIVERED._value.get() == delivered + 35 - len(guilty)


def test_a_batch_of_nothing_but_refused_messages_ends(post: Post, fakezep: Any) -> None:
    """However slow each refusal is: each claim gets on by one at least."""
    post.open(ZEP_TIMEOUT_MS="100")
    post.accept("t", "zero")
    post.deliver()
    post.accept("t", *(f"m{number}" for number in range(10)))
    fakezep.fault("status", status=413, route="add_messages")
    waiting = len(post.waiting())
    while waiting:
        batch = post.rows.claim(now=post.clock.now, lease_s=CALLS_A_BATCH_MAX * 0.1 + 1.0)
        ticks = iter(range(10_000))
        deliver(post.service, post.rows, batch, clock=lambda: post.clock.now + next(ticks) * 0.2)  # noqa: B023
        post.clock += 10
        left = len(post.waiting())
        assert left < waiting
        waiting = left
    assert len(post.rows.dead_letters()) == 10


def test_a_dead_letter_that_is_sent_again_arrives_at_the_end_once(post: Post, fakezep: Any) -> None:
    post.accept("t", "zero")
    post.deliver()
    fakezep.fault("status", status=400, route="add_messages", count=1)
    [outbox_id] = post.accept("t", "one")
    assert post.deliver() is True
    post.accept("t", "two")
    post.deliver()
    before = unknown()
    [letter] = post.rows.dead_letters()
    post.rows.send_again(letter.key)
    assert post.deliver() is True
    assert [(m["content"], m["metadata"]["outbox_id"]) for m in fakezep.stored("t")][1:] == [
        ("two", fakezep.stored("t")[1]["metadata"]["outbox_id"]),
        ("one", outbox_id),
    ]
    assert unknown() == before


def test_a_dead_letter_that_zep_has_after_all_is_not_stored_twice(post: Post, fakezep: Any) -> None:
    post.accept("t", "zero")
    post.deliver()
    fakezep.fault("status", status=400, route="add_messages", count=1)
    post.accept("t", "one")
    row = post.waiting()
    post.deliver()
    _land(fakezep, "t", row)
    [letter] = post.rows.dead_letters()
    post.rows.send_again(letter.key)
    assert post.deliver() is True
    assert fakezep.contents("t") == ["zero", "one"]


# -- the loop, and a table that is away ------------------------------------------------------------------------------


class Nowhere:
    """A table that is away."""

    now = staticmethod(time.time)

    def claim(self, *, now: float, lease_s: float, settle_s: float) -> None:
        raise OSError("Failing row contains (hello, secret text)")


def test_the_loop_survives_a_database_that_is_away_and_tells_no_message_text(
    post: Post, tmp_path: Any, wait_for: Callable[..., Any]
) -> None:
    from guard import logs

    logs.configure(str(tmp_path / "app.log"))
    stop = threading.Event()
    loop = DeliveryLoop(post.service, Nowhere())  # type: ignore[arg-type]
    thread = threading.Thread(target=loop.run, args=(stop,))
    thread.start()
    wait_for(lambda: (tmp_path / "app.log").exists() and "outbox_unavailable" in (tmp_path / "app.log").read_text())
    assert thread.is_alive()
    stop.set()
    loop.nudge()
    thread.join(5)
    assert not thread.is_alive()
    logs.configure()
    assert "secret text" not in (tmp_path / "app.log").read_text()


def test_the_loop_delivers_on_a_nudge_and_stops_when_told(post: Post, fakezep: Any, wait_for: Any) -> None:
    from guard.django.delivery import DeliveryLoop as DjangoLoop

    post.clock.now = time.time()
    stop = threading.Event()
    loop = DjangoLoop(post.service)
    thread = threading.Thread(target=loop.run, args=(stop,))
    thread.start()
    for number in range(5):
        post.accept(f"t{number}", "a", "b")
        loop.nudge()
    wait_for(lambda: not post.waiting())
    stop.set()
    loop.nudge()
    thread.join(10)
    assert not thread.is_alive()
    assert [fakezep.contents(f"t{number}") for number in range(5)] == [["a", "b"]] * 5


class Endless:
    """A table in which there is always one more thread."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.claims = 0
        self.now = now

    def tidy(self, **_: Any) -> int:
        return 0

    def claim(self, *, now: float, lease_s: float, settle_s: float) -> Batch:
        self.claims += 1
        row = Row(key=1, outbox_id="", role="user", content="", created_at="", unsure=False, settles_at=0.0)
        return Batch(claim="", until=now + lease_s, user_id="u", thread_id="t", rows=[row], attempts=1)

    def put_back(self, batch: Batch, **_: Any) -> int:
        return 1


def test_while_the_breaker_is_open_a_backlog_is_left_alone(post: Post) -> None:
    """Or a long queue is claimed and put back as fast as the database can, for as long as Zep is away."""
    refuses = SimpleNamespace(
        settings=post.service.settings,
        base_mode=Mode.READ_WRITE,
        write=lambda *_: WriteResult(sent=False, detail="breaker_open"),
    )
    stop, rows, began = threading.Event(), Endless(), time.monotonic()
    loop = DeliveryLoop(refuses, rows, parallel=4)  # type: ignore[arg-type]
    thread = threading.Thread(target=loop.run, args=(stop,))
    thread.start()
    while rows.claims < 12 and thread.is_alive():  # that it goes on is shown by its coming this far
        loop.nudge()
        stop.wait(0.01)
    stop.set()
    loop.nudge()
    thread.join(10)
    polls = 1 + (time.monotonic() - began) / POLL_S
    assert rows.claims <= 5 * polls


@pytest.mark.parametrize(
    ("detail", "lease_s", "stops"), [("breaker_open", 60, 1), ("bulkhead_full", 60, 0), ("", 1, 0)]
)
def test_only_what_stops_every_message_keeps_the_loop_from_the_others(
    post: Post, detail: str, lease_s: float, stops: int
) -> None:
    """The bulkhead's next free place, and a claim that ran out, are one batch's affair."""
    refuses = SimpleNamespace(settings=post.service.settings, write=lambda *_: WriteResult(sent=False, detail=detail))
    rows, stopped = Endless(), []
    batch = rows.claim(now=time.time(), lease_s=lease_s, settle_s=0)
    assert not deliver(refuses, rows, batch, stopped=lambda: stopped.append(batch))  # type: ignore[arg-type]
    assert len(stopped) == stops


def test_leases_and_waits_go_by_the_tables_clock(post: Post) -> None:
    """By its own, each of two machines takes the other's claims for abandoned, and a thread is sent twice at once."""
    stop, rows, seen = threading.Event(), Endless(now=lambda: 12_345.0), {}
    claim, refused = rows.claim, WriteResult(sent=False, detail="breaker_open")
    rows.tidy = lambda **times: seen.update(tidied=times["now"]) or 0  # type: ignore[method-assign]
    rows.claim = lambda **times: seen.update(claimed=times["now"]) or claim(**times)  # type: ignore[method-assign]
    rows.put_back = lambda _, **put: seen.update(due=put["not_before"]) or stop.set() or 1  # type: ignore[method-assign]
    service = SimpleNamespace(settings=post.service.settings, base_mode=Mode.READ_WRITE, write=lambda *_: refused)
    DeliveryLoop(service, rows, parallel=1).run(stop)  # type: ignore[arg-type]
    assert seen == {"tidied": 12_345.0, "claimed": 12_345.0, "due": 12_345.0 + POLL_S}


def test_the_loop_takes_no_more_at_once_than_the_bulkhead_has_places(post: Post) -> None:
    """Or a long queue behind a slow call is claimed and put back as fast as the database can."""
    post.open(ZEPGUARD_CALLS_MAX="1")
    stop, rows, slow, under_way = threading.Event(), Endless(), threading.Event(), threading.Semaphore(0)

    def write(*_: Any) -> WriteResult:
        under_way.release()
        slow.wait(10)
        return WriteResult(sent=False, detail="breaker_open")

    service = SimpleNamespace(settings=post.service.settings, base_mode=Mode.READ_WRITE, write=write)
    loop = DeliveryLoop(service, rows, parallel=4)  # type: ignore[arg-type]
    thread = threading.Thread(target=loop.run, args=(stop,))
    thread.start()
    assert under_way.acquire(timeout=10)
    another = under_way.acquire(timeout=0.3)
    stop.set()
    slow.set()
    loop.nudge()
    thread.join(10)
    assert not another
    assert rows.claims == 1


@pytest.mark.parametrize(("again_s", "lines"), [(60.0, 1), (0.0, 5)])
def test_the_log_says_once_a_minute_that_the_table_is_away(
    post: Post, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, again_s: float, lines: int
) -> None:
    from guard import logs
    from guard.outbox import delivery

    monkeypatch.setattr(delivery, "SAID_AGAIN_S", again_s)
    logs.configure(str(tmp_path / "app.log"))
    stop, rows, claims = threading.Event(), Nowhere(), 0

    def between() -> None:
        nonlocal claims
        claims += 1
        loop.nudge()
        if claims == 1 + 5:  # the first is of tidying up
            stop.set()

    loop = DeliveryLoop(post.service, rows, between=between)  # type: ignore[arg-type]
    try:
        loop.run(stop)
    finally:
        logs.configure()
    assert (tmp_path / "app.log").read_text().count("outbox_unavailable") == lines


def test_the_loop_has_its_place_back_though_the_apps_clean_up_fails(post: Post, wait_for: Any) -> None:
    def fail() -> None:
        raise OSError

    rows, stop = Endless(), threading.Event()
    delivers = SimpleNamespace(
        settings=post.service.settings, base_mode=Mode.READ_WRITE, write=lambda *_: WriteResult(sent=True)
    )
    rows.delivered = lambda *_, **__: 1  # type: ignore[attr-defined]
    loop = DeliveryLoop(delivers, rows, parallel=1, between=fail)  # type: ignore[arg-type]
    thread = threading.Thread(target=loop.run, args=(stop,), daemon=True)
    thread.start()
    try:
        wait_for(lambda: rows.claims > 3)
    finally:
        stop.set()
        loop.nudge()
        thread.join(10)


# -- processes -------------------------------------------------------------------------------------------------------


def test_nothing_is_lost_doubled_or_reordered_through_kills(
    post: Post,
    database: dict[str, Any],
    environ: dict[str, str],
    fakezep: Any,
    start_child: Callable[..., Any],
    wait_for: Callable[..., Any],
) -> None:
    """Two delivering processes, one of them killed at a random moment in each round, answers slow or lost."""
    variables = {
        **environ,
        "TEST_DATABASE": json.dumps(database),
        "ZEP_TIMEOUT_MS": "300",
        "ZEPGUARD_STORE_TIMEOUT_MS": "200",
        "ZEPGUARD_OUTBOX_BACKOFF_S": "0.05",
        "ZEPGUARD_OUTBOX_BACKOFF_MAX_S": "0.2",
        "ZEPGUARD_BREAKER_OPEN_S": "0.1",
        "ZEPGUARD_OUTBOX_SETTLE_S": "1",
    }
    fakezep.call("PUT", "/latency", {"seconds": 0.02, "jitter_s": 0.02})
    fakezep.fault("lose_answer", route="add_messages", share=0.1)
    fakezep.fault("refuse_before_write", route="add_messages", share=0.1)
    fakezep.fault("status", status=503, route="add_messages", share=0.1)
    draw = random.Random(7)
    expected: dict[str, list[str]] = {f"t{n}": [] for n in range(4)}
    children = [start_child("deliver.py", variables) for _ in range(2)]
    assert [child.line() for child in children] == ["ready", "ready"]
    for number in range(4):
        spare = start_child("deliver.py", variables)
        for message in range(12):
            for thread_id, contents in expected.items():
                contents.append(f"{number}-{message}")
                post.accept(thread_id, contents[-1])
            if message == 6:
                ends = time.monotonic() + draw.uniform(0, 0.15)
                while time.monotonic() < ends:
                    pass
                children.pop(0).kill()
        assert spare.line() == "ready"
        children.append(spare)
    fakezep.heal()
    wait_for(lambda: not post.waiting(), seconds=40, what="all delivered")
    for child in children:
        child.process.stdin.close()
        child.process.wait(20)
    assert {thread_id: fakezep.contents(thread_id) for thread_id in expected} == expected


def test_the_loop_deletes_what_is_old_enough_and_keeps_what_waits(post: Post, wait_for: Any) -> None:
    """More than one go takes, too; it waits for no minute then."""
    from guard.django.models import OutboxMessage

    post.open(ZEPGUARD_OUTBOX_KEEP_S="60", ZEP_ENABLED="false")
    post.accept("t", *["old"] * 3, "recent", "waits")
    OutboxMessage.objects.filter(content="old").update(state="delivered", delivered_at=time.time() - 61)
    OutboxMessage.objects.filter(content="recent").update(state="delivered", delivered_at=time.time() - 5)
    stop = threading.Event()
    loop = DeliveryLoop(post.service, TwoAtATime(post.rows))  # type: ignore[arg-type]
    thread = threading.Thread(target=loop.run, args=(stop,))
    thread.start()
    wait_for(lambda: OutboxMessage.objects.count() <= 2)
    stop.set()
    loop.nudge()
    thread.join(10)
    assert list(OutboxMessage.objects.order_by("id").values_list("content", flat=True)) == ["recent", "waits"]


class TwoAtATime:
    """A table of which two rows go at a time, told as a full go."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows
        self.now = rows.now

    def tidy(self, *, limit: int, **times: float) -> int:
        from django.db import connections

        try:
            return limit if self._rows.tidy(limit=2, **times) == 2 else 0
        finally:
            connections.close_all()
