"""Accept messages into the outbox, in the app's own transaction; and the outbox itself, over Django's connection."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from django.db import connection, transaction

from guard.django.models import DeadLetter, OutboxMessage
from guard.django.statements import insert
from guard.outbox.acceptance import Acceptance, count_redactions, prepare
from guard.outbox.sql import Cursor, SqlRows

__all__ = ["DjangoRows", "accept"]


def accept(
    *,
    user_id: str,
    thread_id: str,
    role: str,
    content: str,
    turn_id: uuid.UUID,
    rules: Acceptance | None = None,
) -> list[OutboxMessage]:
    """Put a message into the outbox, without personal data. Call it inside the transaction that accepts the turn.

    It goes over the default connection, as the delivery does, and sends none of Django's signals.

    Args:
        user_id: whose message it is.
        thread_id: the app's own id; reaches Zep unchanged.
        role: ``user``, ``assistant``, or another that Zep knows.
        content: the text as it was written; what the app keeps of it is the app's own affair.
        turn_id: the turn; it has one message of each role.
        rules: ``Acceptance.of(service.settings)``; by default what the environment variables say.

    Returns:
        The rows: one, or several in order if the message was longer than Zep takes.

    Raises:
        UnsafeId: an id that would ask Zep for another path.
        MessageRefused: an unknown role, or too long while ``ZEPGUARD_OUTBOX_LONG=refuse``.
        IntegrityError: this turn already has a message of that role.
    """
    rules = rules or Acceptance.from_environ()
    prepared = prepare(user_id=user_id, thread_id=thread_id, role=role, content=content, rules=rules)
    with transaction.atomic() if len(prepared.contents) > 1 else nullcontext():
        rows = [
            _insert(user_id=user_id, thread_id=thread_id, role=role, content=part, turn_id=turn_id, part=number)
            for number, part in enumerate(prepared.contents)
        ]
    count_redactions(prepared.findings)
    return rows


def _insert(**values: Any) -> OutboxMessage:
    row = OutboxMessage(**values)
    insert(row)
    return row


class _DjangoDatabase:
    """Django's default connection of whatever thread asks."""

    @property
    def skips_locked(self) -> bool:
        return connection.features.has_select_for_update_skip_locked

    @property
    def tells_changed(self) -> bool:
        return bool(connection.features.can_return_columns_from_insert)

    def read(self, sql: str, parameters: Mapping[str, Any]) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())

    def change(self, sql: str, parameters: Mapping[str, Any]) -> int:
        with connection.cursor() as cursor:  # outside of a transaction Django commits each statement
            cursor.execute(sql, parameters)
            changed: int = cursor.rowcount
        return changed

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        with transaction.atomic(), connection.cursor() as cursor:
            yield cursor


class DjangoRows(SqlRows):
    """The outbox over Django's models (``guard.outbox.rows.OutboxRows``)."""

    def __init__(self) -> None:
        super().__init__(_DjangoDatabase(), messages=OutboxMessage._meta.db_table, letters=DeadLetter._meta.db_table)
