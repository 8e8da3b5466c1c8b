"""Django's outbox: its migration, and accepting in the app's transaction. The table's contract: ``tests/outbox``."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

NOW = 1_000_000.0


@pytest.fixture
def outbox(database: dict[str, Any]) -> Any:
    from guard.django import outbox

    return outbox


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


def test_accepting_gives_the_rows_that_it_made(outbox: Any) -> None:
    rows = outbox.accept(user_id="u", thread_id="t", role="user", content="word " * 1000, turn_id=uuid.uuid4())
    assert [(row.part, row.state) for row in rows] == [(0, "pending"), (1, "pending")]


def test_a_row_of_the_release_before_is_delivered_and_unique(database: dict[str, Any]) -> None:
    """It knows neither parts nor hints; the database gives its rows what it does not."""
    from django.db import IntegrityError, connection, transaction

    from guard.django.outbox import DjangoRows

    columns = "outbox_id, turn_id, role, user_id, thread_id, content, created_at, state, attempts, not_before, claim,"
    columns += " claimed_until, unsure, last_error"
    turn_id = uuid.uuid4()

    def insert() -> None:
        values = [uuid.uuid4().hex, turn_id.hex, "user", "u", "t", "hello", "2026-11-23 12:00:00+00:00", "pending"]
        values += [0, 0.0, "", 0.0, False, ""]
        with connection.cursor() as cursor:
            marks = ", ".join(["%s"] * len(values))
            cursor.execute(f"INSERT INTO zepguard_outboxmessage ({columns}) VALUES ({marks})", values)

    insert()
    with pytest.raises(IntegrityError), transaction.atomic():
        insert()
    batch = DjangoRows().claim(now=1_000_000.0, lease_s=10)
    assert [(row.content, row.created_at) for row in batch.rows] == [("hello", "2026-11-23T12:00:00Z")]
