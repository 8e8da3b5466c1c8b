"""The outbox table: accepted in the app's transaction, claimed by one, in order, and never forgotten."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from guard.errors import UnsafeId
from guard.outbox.rows import BATCH_MAX, Batch

NOW = 1_000_000.0


@pytest.fixture
def outbox(database: dict[str, Any]) -> Any:
    from guard.django import outbox

    return outbox


@pytest.fixture
def rows(outbox: Any) -> Any:
    return outbox.DjangoRows()


@pytest.fixture
def accept(outbox: Any) -> Callable[..., list[int]]:
    """Accept so many messages of a thread, each of a turn of its own."""

    def put(thread_id: str, count: int = 1, user_id: str = "u") -> list[int]:
        return [
            outbox.accept(
                user_id=user_id, thread_id=thread_id, role="user", content=f"{thread_id} {n}", turn_id=uuid.uuid4()
            ).id
            for n in range(count)
        ]

    return put


def keys(batch: Batch | None) -> list[int]:
    assert batch is not None
    return [row.key for row in batch.rows]


def state_of(key: int) -> Any:
    from guard.django.models import OutboxMessage

    return OutboxMessage.objects.get(id=key)


def test_the_migration_makes_what_the_model_says(database: dict[str, Any]) -> None:
    from django.core.management import call_command

    call_command("makemigrations", "zepguard", check_changes=True, dry_run=True, verbosity=0)


def test_accepting_is_part_of_the_apps_transaction(outbox: Any) -> None:
    """What is rolled back was never accepted."""
    from django.db import transaction

    from guard.django.models import OutboxMessage

    def accept_and_fail() -> None:
        with transaction.atomic():
            outbox.accept(user_id="u", thread_id="t", role="user", content="x", turn_id=uuid.uuid4())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        accept_and_fail()
    assert OutboxMessage.objects.count() == 0


def test_a_turn_has_one_message_of_each_role(outbox: Any) -> None:
    """A turn that is sent again by the web is not accepted again."""
    from django.db import IntegrityError, transaction

    turn_id = uuid.uuid4()
    for role in ("user", "assistant"):
        outbox.accept(user_id="u", thread_id="t", role=role, content="x", turn_id=turn_id)
    with pytest.raises(IntegrityError), transaction.atomic():
        outbox.accept(user_id="u", thread_id="t", role="user", content="x", turn_id=turn_id)


@pytest.mark.parametrize(("user_id", "thread_id"), [("a/b", "t"), ("u", ".."), ("u", "a?b"), ("", "t")])
def test_unsafe_ids_are_not_accepted(outbox: Any, user_id: str, thread_id: str) -> None:
    with pytest.raises(UnsafeId):
        outbox.accept(user_id=user_id, thread_id=thread_id, role="user", content="x", turn_id=uuid.uuid4())


def test_nothing_to_deliver_is_no_batch(rows: Any) -> None:
    assert rows.claim(now=NOW, lease_s=10) is None


def test_a_batch_is_one_threads_messages_in_order(rows: Any, accept: Callable[..., list[int]]) -> None:
    first = accept("a", 2)
    other = accept("b", 1)
    first += accept("a", 1)
    batch = rows.claim(now=NOW, lease_s=10)
    assert keys(batch) == first
    assert (batch.thread_id, batch.user_id, batch.attempts) == ("a", "u", 1)
    assert [row.content for row in batch.rows] == ["a 0", "a 1", "a 0"]
    assert not any(row.unsure for row in batch.rows)
    assert all(row.created_at.endswith("Z") for row in batch.rows)
    assert keys(rows.claim(now=NOW, lease_s=10)) == other


def test_one_batch_of_a_thread_at_a_time(rows: Any, accept: Callable[..., list[int]]) -> None:
    """Also for messages that came after the claim: they wait their turn."""
    accept("a")
    batch = rows.claim(now=NOW, lease_s=10)
    later = accept("a")
    assert rows.claim(now=NOW + 9.9, lease_s=10) is None
    rows.delivered(batch, keys(batch), now=NOW)
    assert keys(rows.claim(now=NOW, lease_s=10)) == later


def test_a_batch_is_what_one_call_may_hold(rows: Any, accept: Callable[..., list[int]]) -> None:
    accepted = accept("a", BATCH_MAX + 5)
    batch = rows.claim(now=NOW, lease_s=10)
    assert keys(batch) == accepted[:BATCH_MAX]
    assert rows.claim(now=NOW, lease_s=10) is None
    rows.delivered(batch, keys(batch), now=NOW)
    assert keys(rows.claim(now=NOW, lease_s=10)) == accepted[BATCH_MAX:]


def test_what_was_put_back_waits_and_holds_up_its_thread_alone(rows: Any, accept: Callable[..., list[int]]) -> None:
    """In order: nothing of that thread goes before it, however late it is due."""
    first = accept("a")
    batch = rows.claim(now=NOW, lease_s=10)
    rows.put_back(batch, not_before=NOW + 60, unsure=False, error="timeout", attempted=True)
    accept("a")
    other = accept("b")
    assert keys(rows.claim(now=NOW + 59, lease_s=10)) == other
    assert rows.claim(now=NOW + 59, lease_s=10) is None
    again = rows.claim(now=NOW + 60, lease_s=10)
    assert keys(again)[:1] == first
    assert again.attempts == 2
    assert state_of(first[0]).last_error == "timeout"


def test_what_was_not_sent_counts_as_no_attempt(rows: Any, accept: Callable[..., list[int]]) -> None:
    accept("a")
    for _ in range(3):
        batch = rows.claim(now=NOW, lease_s=10)
        assert batch.attempts == 1
        rows.put_back(batch, not_before=NOW, unsure=False, error="breaker_open", attempted=False)


@pytest.mark.parametrize("unsure", [True, False])
def test_put_back_remembers_whether_the_fate_is_known(
    rows: Any, accept: Callable[..., list[int]], unsure: bool
) -> None:
    accept("a", 2)
    rows.put_back(rows.claim(now=NOW, lease_s=10), not_before=NOW, unsure=unsure, error="", attempted=True)
    accept("a")
    assert [row.unsure for row in rows.claim(now=NOW, lease_s=10).rows] == [unsure, unsure, False]


def test_a_claim_that_ran_out_is_given_anew_and_its_rows_are_unsure(
    rows: Any, accept: Callable[..., list[int]]
) -> None:
    """Its process died, and may have sent them; what came later was surely not sent."""
    claimed = accept("a", 2)
    dead = rows.claim(now=NOW, lease_s=10)
    later = accept("a")
    assert rows.claim(now=NOW + 9.99, lease_s=10) is None
    batch = rows.claim(now=NOW + 10, lease_s=10)
    assert keys(batch) == claimed + later
    assert [row.unsure for row in batch.rows] == [True, True, False]
    rows.put_back(dead, not_before=NOW, unsure=False, error="", attempted=True)
    assert rows.claim(now=NOW + 19, lease_s=10) is None
    rows.put_back(batch, not_before=NOW, unsure=False, error="", attempted=False)
    assert [row.unsure for row in rows.claim(now=NOW + 20, lease_s=10).rows] == [True, True, False]


def test_delivered_counts_also_when_the_claim_was_lost(rows: Any, accept: Callable[..., list[int]]) -> None:
    """They are there."""
    accept("a")
    slow = rows.claim(now=NOW, lease_s=10)
    rows.claim(now=NOW + 10, lease_s=10)
    rows.delivered(slow, keys(slow), now=NOW + 11)
    assert rows.claim(now=NOW + 100, lease_s=10) is None
    assert state_of(keys(slow)[0]).delivered_at == NOW + 11


def test_an_error_text_fits_its_column(rows: Any, accept: Callable[..., list[int]]) -> None:
    accepted = accept("a")
    batch = rows.claim(now=NOW, lease_s=10)
    rows.put_back(batch, not_before=NOW, unsure=False, error="x" * 5000, attempted=True)
    assert len(state_of(accepted[0]).last_error) == 300


def test_claims_of_many_threads_never_overlap(rows: Any, accept: Callable[..., list[int]]) -> None:
    """Eight at once: each message is claimed by exactly one, each thread's by the same one."""
    from django.db import connections

    expected = {key for number in range(20) for key in accept(f"t{number}", 3)}
    barrier = threading.Barrier(8)

    def claim_all(_: int) -> list[Batch]:
        barrier.wait()
        try:
            found = []
            while batch := rows.claim(now=NOW, lease_s=100):
                found.append(batch)
            return found
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        batches = [batch for found in pool.map(claim_all, range(8)) for batch in found]
    assert sorted(key for batch in batches for key in keys(batch)) == sorted(expected)
    assert len({batch.thread_id for batch in batches}) == len(batches) == 20
    assert len({batch.claim for batch in batches}) == 20
