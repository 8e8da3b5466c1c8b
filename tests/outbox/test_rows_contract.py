"""What every outbox table does: Django's and the plain one, on SQLite and on PostgreSQL."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from guard.errors import MessageRefused, UnsafeId
from guard.outbox import sql
from guard.outbox.acceptance import CHARACTERS_MAX, Acceptance
from guard.outbox.rows import BATCH_MAX, Batch
from guard.outbox.sql import ERROR_CHARACTERS_MAX

NOW = 1_000_000.0
SETTLE_S = 30.0


def claim(outbox: Any, now: float = NOW) -> Batch | None:
    return outbox.rows.claim(now=now, lease_s=10, settle_s=SETTLE_S)


def contents(batch: Batch | None) -> list[str]:
    assert batch is not None
    return [row.content for row in batch.rows]


def keys(batch: Batch | None) -> list[int]:
    assert batch is not None
    return [row.key for row in batch.rows]


def put_back(outbox: Any, batch: Batch, until: float = NOW, **more: Any) -> int:
    return outbox.rows.put_back(batch, not_before=until, **{"error": "why", "attempted": True, **more})


# -- accept ----------------------------------------------------------------------------------------------------------


def test_a_turn_has_one_message_of_each_role(outbox: Any) -> None:
    turn_id = uuid.uuid4()
    outbox.accept("t", "question", turn_id=turn_id)
    outbox.accept("t", "answer", role="assistant", turn_id=turn_id)
    with pytest.raises(Exception, match=r"(?i)unique"):
        outbox.accept("t", "question", turn_id=turn_id)
    assert outbox.stored("content", "part") == [("question", 0), ("answer", 0)]


@pytest.mark.parametrize(("user_id", "thread_id"), [("a/b", "t"), ("u", ".."), ("u", "a?b"), ("", "t")])
def test_unsafe_ids_are_not_accepted(outbox: Any, user_id: str, thread_id: str) -> None:
    with pytest.raises(UnsafeId):
        outbox.accept(thread_id, "x", user_id=user_id)
    assert outbox.stored("id") == []


def test_an_unknown_role_is_not_accepted(outbox: Any) -> None:
    with pytest.raises(MessageRefused, match="'robot'"):
        outbox.accept("t", "x", role="robot")


def test_personal_data_does_not_reach_the_table(outbox: Any) -> None:
    outbox.accept("t", "mail ali@example.com or call +90 532 123 45 67")
    assert outbox.stored("content") == ["mail [EMAIL] or call [PHONE]"]


def test_a_long_message_becomes_rows_in_order(outbox: Any) -> None:
    text = "word " * 3000
    ids = outbox.accept("t", text)
    batch = claim(outbox)
    assert [row.outbox_id for row in batch.rows] == ids
    assert len(ids) == 4
    assert "".join(contents(batch)) == text
    assert all(len(part) <= CHARACTERS_MAX for part in contents(batch))


def test_a_long_message_is_refused_where_that_is_asked_for(outbox: Any, rules: Acceptance) -> None:
    refuse = Acceptance(regions=rules.regions, long="refuse")
    outbox.accept("t", "x" * CHARACTERS_MAX, rules=refuse)
    with pytest.raises(MessageRefused, match="4097 characters"):
        outbox.accept("t", "x" * (CHARACTERS_MAX + 1), rules=refuse)
    assert len(outbox.stored("id")) == 1


# -- claim -----------------------------------------------------------------------------------------------------------


def test_nothing_to_deliver_is_no_batch(outbox: Any) -> None:
    assert claim(outbox) is None


def test_a_batch_is_one_threads_messages_in_order(outbox: Any) -> None:
    ids = outbox.accept("a", "a 0", "a 1")
    outbox.accept("b", "b 0")
    ids += outbox.accept("a", "a 2")
    batch = claim(outbox)
    assert (batch.thread_id, batch.user_id, batch.attempts, batch.until) == ("a", "u", 1, NOW + 10)
    assert contents(batch) == ["a 0", "a 1", "a 2"]
    assert [row.outbox_id for row in batch.rows] == ids
    assert not any(row.unsure or row.settles_at for row in batch.rows)
    assert all(row.created_at.endswith("Z") for row in batch.rows)
    assert contents(claim(outbox)) == ["b 0"]
    assert claim(outbox) is None


@pytest.mark.parametrize("tells", [True, False])
def test_a_claim_of_what_a_dead_process_had_is_whole_whether_or_not_updates_tell_their_rows(
    outbox: Any, monkeypatch: pytest.MonkeyPatch, tells: bool
) -> None:
    monkeypatch.setattr(type(outbox.rows._database), "tells_changed", tells)
    ids = outbox.accept("t", "0", "1")
    assert keys(claim(outbox)) == outbox.stored("id")
    assert claim(outbox, now=NOW + 9) is None
    ids += outbox.accept("t", "2")
    batch = claim(outbox, now=NOW + 11)
    assert (batch.user_id, batch.attempts, [row.outbox_id for row in batch.rows]) == ("u", 2, ids)
    assert [(row.unsure, row.settles_at > 0) for row in batch.rows] == [(True, True), (True, True), (False, False)]
    assert claim(outbox, now=NOW + 12) is None


def test_one_batch_of_a_thread_at_a_time(outbox: Any) -> None:
    """Also for messages that came after the claim: they wait their turn."""
    outbox.accept("a", "first")
    batch = claim(outbox)
    outbox.accept("a", "later")
    assert claim(outbox, NOW + 9.9) is None
    assert outbox.rows.delivered(batch, keys(batch), now=NOW) == 1
    assert contents(claim(outbox)) == ["later"]


def test_a_batch_is_what_one_call_may_hold(outbox: Any) -> None:
    texts = [str(number) for number in range(BATCH_MAX + 5)]
    outbox.accept("a", *texts)
    batch = claim(outbox)
    assert contents(batch) == texts[:BATCH_MAX]
    assert claim(outbox) is None
    outbox.rows.delivered(batch, keys(batch), now=NOW)
    assert contents(claim(outbox)) == texts[BATCH_MAX:]


def test_what_was_put_back_waits_and_holds_up_its_thread_alone(outbox: Any) -> None:
    outbox.accept("a", "first")
    assert put_back(outbox, claim(outbox), NOW + 60, error="timeout") == 1
    outbox.accept("a", "second")
    outbox.accept("b", "other")
    assert contents(claim(outbox, NOW + 59)) == ["other"]
    assert claim(outbox, NOW + 59) is None
    again = claim(outbox, NOW + 60)
    assert contents(again) == ["first", "second"]
    assert again.attempts == 2
    assert outbox.stored("last_error")[0] == "timeout"


def test_all_who_deliver_share_the_databases_clock(outbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not each machine's own; SQLite's file is of one machine, and so is its clock."""
    true, on_a_server = time.time(), outbox.rows._database.skips_locked
    monkeypatch.setattr(sql.time, "time", lambda: true - 3600)
    for _ in range(2):
        assert abs(outbox.rows.now() - (true if on_a_server else true - 3600)) < 60
    monkeypatch.setattr(sql, "CLOCK_S", 0.0)
    first = outbox.rows.now()
    assert first <= outbox.rows.now() < first + 60


def test_what_was_not_sent_counts_as_no_attempt(outbox: Any) -> None:
    outbox.accept("a")
    for _ in range(3):
        batch = claim(outbox)
        assert batch.attempts == 1
        put_back(outbox, batch, attempted=False)


def test_put_back_remembers_whose_fate_is_unknown(outbox: Any) -> None:
    outbox.accept("a", "0", "1")
    batch = claim(outbox)
    put_back(outbox, batch, unsure=keys(batch)[:1], settles_at=NOW + 30)
    outbox.accept("a", "2")
    again = claim(outbox)
    assert [(row.unsure, row.settles_at) for row in again.rows] == [(True, NOW + 30), (False, 0), (False, 0)]
    put_back(outbox, again)
    assert [row.settles_at for row in claim(outbox).rows] == [NOW + 30, 0, 0]


def test_a_claim_that_ran_out_is_given_anew_and_its_rows_are_unsure(outbox: Any) -> None:
    """Its process died, and may have sent them at the lease's very end; what came later was surely not sent."""
    outbox.accept("a", "0", "1")
    dead = claim(outbox)
    outbox.accept("a", "2")
    assert claim(outbox, NOW + 9.99) is None
    batch = claim(outbox, NOW + 15)
    assert contents(batch) == ["0", "1", "2"]
    settles_at = NOW + 10 + SETTLE_S
    assert [(row.unsure, row.settles_at) for row in batch.rows] == [(True, settles_at), (True, settles_at), (False, 0)]
    assert put_back(outbox, dead) == 0
    assert claim(outbox, NOW + 24) is None
    put_back(outbox, batch, attempted=False)
    assert [row.settles_at for row in claim(outbox, NOW + 50).rows] == [settles_at, settles_at, 0]


def test_delivered_counts_also_when_the_claim_was_lost(outbox: Any) -> None:
    outbox.accept("a")
    slow = claim(outbox)
    claim(outbox, NOW + 100)
    assert outbox.rows.delivered(slow, keys(slow), now=NOW + 101) == 1
    assert outbox.rows.delivered(slow, keys(slow), now=NOW + 102) == 0
    assert claim(outbox, NOW + 1000) is None
    assert outbox.stored("delivered_at") == [NOW + 101]


def test_what_is_sent_again_is_marked_once(outbox: Any) -> None:
    outbox.accept("a", "0", "1")
    batch = claim(outbox)
    assert outbox.rows.sending_again(batch, keys(batch)[:1]) == 1
    assert outbox.rows.sending_again(batch, keys(batch)) == 1
    assert [bool(unknown) for unknown in outbox.stored("unknown")] == [True, True]


def test_an_error_text_fits_its_column(outbox: Any) -> None:
    outbox.accept("a")
    put_back(outbox, claim(outbox), error="x" * 5000)
    assert outbox.stored("last_error") == ["x" * ERROR_CHARACTERS_MAX]


def test_the_newest_and_the_longest_waiting_take_turns(outbox: Any) -> None:
    """A new turn does not wait for a long queue, and the queue moves all the same."""
    for number in range(30):
        outbox.accept(f"t{number}")
    claimed = [claim(outbox).thread_id for _ in range(12)]
    assert {"t0", "t1", "t2", "t3"} <= set(claimed)
    assert {"t29", "t28", "t27"} <= set(claimed)


def test_nobody_starves_while_new_turns_keep_coming(outbox: Any) -> None:
    """Neither what waits from the start nor what was put back."""
    outbox.accept("retried")
    put_back(outbox, claim(outbox), NOW + 1)
    for number in range(20):
        outbox.accept(f"old{number}")
    seen: list[str] = []
    for number in range(80):
        outbox.accept(f"new{number}")
        batch = claim(outbox, NOW + 1)
        outbox.rows.delivered(batch, keys(batch), now=NOW)
        seen.append(batch.thread_id)
        if number == 5:
            assert "retried" in seen
    assert {f"old{number}" for number in range(20)} <= set(seen)


def test_a_long_thread_does_not_hide_the_others(outbox: Any) -> None:
    """More messages behind one head than a look reads."""
    outbox.accept("long", *["x"] * 600)
    head = claim(outbox)
    outbox.accept("other", "y")
    outbox.accept("long", *["x"] * 20)
    assert contents(claim(outbox)) == ["y"]
    assert claim(outbox) is None
    count = 0
    while head is not None:
        count += len(head.rows)
        outbox.rows.delivered(head, keys(head), now=NOW)
        head = claim(outbox)
    assert count == 620


def test_a_hint_that_was_left_over_is_cleared(outbox: Any) -> None:
    """By a process that died, or by the release before, which takes a head away without a word."""
    outbox.accept("a", "0", "1")
    outbox.run("UPDATE {messages} SET behind = TRUE WHERE content = '1'")
    outbox.run("DELETE FROM {messages} WHERE content = '0'")
    assert claim(outbox) is None
    outbox.rows.tidy(now=NOW, keep_s=60, dead_keep_s=60)
    assert contents(claim(outbox)) == ["1"]


def test_claims_of_many_threads_never_overlap(outbox: Any) -> None:
    """Eight at once: each message is claimed by exactly one, each thread's by the same one."""
    for number in range(20):
        outbox.accept(f"t{number}", "0", "1", "2")
    barrier = threading.Barrier(8)

    def claim_all(_: int) -> list[Batch]:
        barrier.wait()
        try:
            found = []
            while batch := outbox.rows.claim(now=NOW, lease_s=100):
                found.append(batch)
            return found
        finally:
            close_connections_of_this_thread()

    with ThreadPoolExecutor(8) as pool:
        batches = [batch for found in pool.map(claim_all, range(8)) for batch in found]
    while batch := outbox.rows.claim(now=NOW, lease_s=100):  # passed over while somebody had it locked
        batches.append(batch)
    assert sorted(key for batch in batches for key in keys(batch)) == outbox.stored("id")
    assert len({batch.thread_id for batch in batches}) == len(batches) == 20
    assert len({batch.claim for batch in batches}) == 20


def test_all_is_delivered_in_order_while_many_accept_and_deliver(outbox: Any) -> None:
    """Hints are set and cleared all the time; no thread is left behind, and none is out of order."""
    seen: dict[str, list[str]] = {f"t{number}": [] for number in range(6)}
    stop = threading.Event()
    lock = threading.Lock()

    def work(seed: int) -> None:
        draw = random.Random(seed)
        try:
            while not stop.is_set():
                batch = claim(outbox)
                if batch is None:
                    continue
                some = batch.rows[: draw.randint(1, len(batch.rows))]
                with lock:
                    seen[batch.thread_id] += [row.content for row in some]
                outbox.rows.delivered(batch, [row.key for row in some], now=NOW)
                if len(some) < len(batch.rows):
                    put_back(outbox, batch)
        finally:
            close_connections_of_this_thread()

    with ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(work, seed) for seed in range(4)]
        try:
            for number in range(40):
                for thread_id in seen:
                    outbox.accept(thread_id, str(number))
            ends = threading.Event()
            for _ in range(3000):
                if outbox.rows.counts().depth == 0:
                    break
                ends.wait(0.01)
        finally:
            stop.set()
        for worker in workers:
            worker.result()
    assert seen == {thread_id: [str(number) for number in range(40)] for thread_id in seen}


def close_connections_of_this_thread() -> None:
    from django.db import connections

    connections.close_all()


# -- dead letters ----------------------------------------------------------------------------------------------------


def test_a_dead_letter_tells_whose_it_is_and_why_and_lets_the_others_go_on(outbox: Any) -> None:
    ids = outbox.accept("a", "bad", "good", user_id="ali")
    batch = claim(outbox)
    assert outbox.rows.bury(batch, keys(batch)[0], reason="refused: HTTP 400" + "x" * 5000, now=NOW + 1)
    [letter] = outbox.rows.dead_letters()
    assert (letter.outbox_id, letter.user_id, letter.thread_id, letter.role) == (ids[0], "ali", "a", "user")
    assert letter.reason.startswith("refused: HTTP 400")
    assert (letter.died_at, letter.attempts, letter.unknown) == (NOW + 1, 1, False)
    put_back(outbox, batch)
    assert contents(claim(outbox)) == ["good"]


def test_only_who_has_the_claim_may_bury(outbox: Any) -> None:
    outbox.accept("a")
    slow = claim(outbox)
    claim(outbox, NOW + 100)
    assert not outbox.rows.bury(slow, keys(slow)[0], reason="", now=NOW)
    assert outbox.rows.dead_letters() == []
    assert outbox.rows.counts().sending == 1


class Watched:
    """A cursor; something else happens right behind the first statement that begins so."""

    def __init__(self, cursor: Any, begins: str, then: list[Callable[[], Any]]) -> None:
        self._cursor, self._begins, self._then = cursor, begins, then

    def execute(self, sql: str, parameters: Any) -> None:
        self._cursor.execute(sql, parameters)
        if sql.startswith(self._begins) and self._then:
            self._then.pop()()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


@contextmanager
def beside(outbox: Any, begins: str, then: Callable[[], Any]) -> Iterator[None]:
    """Do something else within a transaction, where others are let in: in PostgreSQL."""
    database, left = outbox.rows._database, [then]
    if not database.skips_locked:
        pytest.skip("SQLite has one writer")
    transaction = database.transaction

    @contextmanager
    def watched(_: Any) -> Iterator[Any]:
        with transaction() as cursor:
            yield Watched(cursor, begins, left)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(database), "transaction", watched)
        yield
    assert not left


def test_a_claim_that_is_lost_while_its_row_is_buried_leaves_it_in_one_place(outbox: Any) -> None:
    """Its lease ran out in the very moment: in both places it could be neither delivered nor buried again."""
    outbox.accept("a")
    slow = claim(outbox)

    def take_it() -> None:
        with ThreadPoolExecutor(1) as other:
            other.submit(claim, outbox, NOW + 100).result()
            other.submit(close_connections_of_this_thread).result()

    with beside(outbox, "INSERT INTO", take_it):
        buried = outbox.rows.bury(slow, keys(slow)[0], reason="no", now=NOW)
    assert [buried, len(outbox.rows.dead_letters()), len(outbox.stored("id"))] in ([True, 1, 0], [False, 0, 1])


def test_two_operators_send_a_dead_letter_again_once(outbox: Any) -> None:
    outbox.accept("a")
    batch = claim(outbox)
    outbox.rows.bury(batch, keys(batch)[0], reason="no", now=NOW)
    [letter] = outbox.rows.dead_letters()

    def another() -> bool:
        try:
            return bool(outbox.rows.send_again(letter.key))
        finally:
            close_connections_of_this_thread()

    def send_it_too() -> None:
        said.append(other.submit(another))
        for _ in range(500):  # until it waits for the first, or is done
            waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            if said[0].done() or outbox.rows._database.read(waits, {}) != [(0,)]:
                return
            threading.Event().wait(0.01)

    said: list[Any] = []
    with ThreadPoolExecutor(1) as other, beside(outbox, "INSERT INTO", send_it_too):
        assert outbox.rows.send_again(letter.key) is True
    assert said[0].result() is False
    assert len(outbox.stored("id")) == 1


def test_a_dead_letter_sent_again_goes_to_the_end_of_its_thread_and_is_looked_up(outbox: Any) -> None:
    [outbox_id] = outbox.accept("a", "bad")
    batch = claim(outbox)
    outbox.rows.sending_again(batch, keys(batch))
    outbox.rows.bury(batch, keys(batch)[0], reason="no", now=NOW)
    outbox.accept("a", "later")
    [letter] = outbox.rows.dead_letters()
    assert letter.unknown
    assert outbox.rows.send_again(letter.key)
    assert not outbox.rows.send_again(letter.key)
    assert outbox.rows.dead_letters() == []
    again = claim(outbox)
    assert contents(again) == ["later", "bad"]
    assert again.rows[1].outbox_id == outbox_id
    assert [(row.unsure, row.settles_at) for row in again.rows] == [(False, 0), (True, 0)]
    assert [bool(unknown) for unknown in outbox.stored("unknown")] == [False, True]


def test_a_dropped_dead_letter_is_gone(outbox: Any) -> None:
    outbox.accept("a", "0", "1", "2")
    batch = claim(outbox)
    for key in keys(batch):
        outbox.rows.bury(batch, key, reason="no", now=NOW)
    first, second, third = outbox.rows.dead_letters()
    assert outbox.rows.dead_letters(after=first.key, limit=1) == [second]
    assert outbox.rows.drop(second.key)
    assert not outbox.rows.drop(second.key)
    assert outbox.rows.dead_letters() == [first, third]


def test_counts_by_state_and_the_oldest(outbox: Any) -> None:
    assert outbox.rows.counts().oldest is None
    outbox.accept("a", "0", "1")
    outbox.accept("b", "0")
    outbox.accept("c", "0")
    first, second = claim(outbox), claim(outbox)
    outbox.rows.bury(second, keys(second)[0], reason="no", now=NOW)
    outbox.rows.delivered(first, keys(first)[:1], now=NOW)
    counts = outbox.rows.counts()
    assert (counts.pending, counts.sending, counts.dead, counts.depth) == (1, 1, 1, 2)
    import time

    assert 0 <= time.time() - counts.oldest < 600


# -- upkeep ----------------------------------------------------------------------------------------------------------


def test_what_was_delivered_goes_after_a_while_and_nothing_else(outbox: Any) -> None:
    outbox.accept("a", "old", "newer", "dead")
    outbox.accept("b", "waits")
    batch = next(found for found in (claim(outbox), claim(outbox)) if found.thread_id == "a")
    outbox.rows.delivered(batch, keys(batch)[:1], now=NOW)
    outbox.rows.delivered(batch, keys(batch)[1:2], now=NOW + 1)
    outbox.rows.bury(batch, keys(batch)[2], reason="no", now=NOW)
    assert outbox.rows.tidy(now=NOW + 100, keep_s=100, dead_keep_s=101) == 1
    assert outbox.stored("content") == ["newer", "waits"]
    assert len(outbox.rows.dead_letters()) == 1
    assert outbox.rows.tidy(now=NOW + 101, keep_s=100, dead_keep_s=101) == 2
    assert outbox.stored("content") == ["waits"]
    assert outbox.rows.dead_letters() == []


def test_tidying_takes_no_more_than_it_is_told(outbox: Any) -> None:
    outbox.accept("a", *["x"] * 10)
    batch = claim(outbox)
    outbox.rows.delivered(batch, keys(batch), now=NOW)
    assert [outbox.rows.tidy(now=NOW + 9, keep_s=1, dead_keep_s=1, limit=4) for _ in range(4)] == [4, 4, 2, 0]


def test_a_person_is_forgotten_at_once_where_nothing_is_under_way(outbox: Any) -> None:
    outbox.accept("a", "delivered", "dead", user_id="ali")
    batch = claim(outbox)
    outbox.rows.delivered(batch, keys(batch)[:1], now=NOW)
    outbox.rows.bury(batch, keys(batch)[1], reason="no", now=NOW)
    outbox.accept("a", "waits", user_id="ali")
    outbox.accept("b", "another's", user_id="oya")
    forgotten = outbox.rows.forget_user("ali", now=NOW)
    assert (forgotten.messages, forgotten.dead_letters, forgotten.done) == (2, 1, True)
    assert outbox.stored("user_id") == ["oya"]
    assert outbox.rows.dead_letters() == []
    assert contents(claim(outbox)) == ["another's"]


def test_forgetting_under_a_live_claim_deletes_the_text_and_says_how_long_to_wait(outbox: Any) -> None:
    outbox.accept("a", "under way", user_id="ali")
    batch = claim(outbox)
    forgotten = outbox.rows.forget_user("ali", now=NOW + 1, settle_s=SETTLE_S)
    assert not forgotten.done
    assert forgotten.wait_until == NOW + 10 + SETTLE_S
    assert outbox.stored("content") == [""]
    assert claim(outbox, NOW + 1000) is None
    outbox.accept("a", "new", user_id="ali")
    outbox.rows.delivered(batch, keys(batch), now=NOW + 2)
    again = outbox.rows.forget_user("ali", now=NOW + 3, settle_s=SETTLE_S)
    assert again.done
    assert outbox.stored("id") == []


def test_what_was_given_up_and_then_forgotten_is_never_sent_again(outbox: Any) -> None:
    """Its request may land until it has settled; until then the caller is told to wait."""
    outbox.accept("a", "0", user_id="ali")
    batch = claim(outbox)
    outbox.rows.forget_user("ali", now=NOW, settle_s=SETTLE_S)
    put_back(outbox, batch, unsure=keys(batch), settles_at=NOW + SETTLE_S)
    assert claim(outbox, NOW + 1000) is None
    waits = outbox.rows.forget_user("ali", now=NOW + 1, settle_s=SETTLE_S)
    assert waits.wait_until == NOW + SETTLE_S
    assert outbox.rows.forget_user("ali", now=NOW + SETTLE_S, settle_s=SETTLE_S).done
    assert outbox.stored("id") == []


def test_what_was_given_up_before_it_was_forgotten_is_waited_for_too(outbox: Any) -> None:
    outbox.accept("a", "0", user_id="ali")
    batch = claim(outbox)
    put_back(outbox, batch, unsure=keys(batch), settles_at=NOW + SETTLE_S)
    assert outbox.rows.forget_user("ali", now=NOW + 1, settle_s=SETTLE_S).wait_until == NOW + SETTLE_S
    assert outbox.stored("content") == [""]
    assert claim(outbox, NOW + 1000) is None
    assert outbox.rows.tidy(now=NOW + SETTLE_S, keep_s=1, dead_keep_s=1, settle_s=SETTLE_S) == 1


def test_a_forgotten_message_becomes_no_dead_letter(outbox: Any) -> None:
    outbox.accept("a", "0", user_id="ali")
    batch = claim(outbox)
    outbox.rows.forget_user("ali", now=NOW)
    outbox.rows.bury(batch, keys(batch)[0], reason="no", now=NOW)
    assert outbox.rows.dead_letters() == []
    assert outbox.rows.forget_user("ali", now=NOW).done
