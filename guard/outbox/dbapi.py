"""The outbox for apps without Django, over a DB-API connection: ``sqlite3`` or ``psycopg``.

    create_tables(connection); connection.commit()                     # once, with the app's own migrations
    accept(connection, user_id=..., thread_id=..., ...)                # inside the app's own transaction
    rows = DbApiRows(lambda: psycopg.connect(DSN))                     # in the delivering process
    DeliveryLoop(MemoryService.from_env(), rows).run(stop)

Two tables, the same columns as Django's. ``zepguard_outbox`` holds a row a message (a part, of a long one):

================  ====================================================================================================
id                key; gives the order of a thread
outbox_id         UUID that travels in the message's metadata and by which it is looked up
turn_id, role,    unique together: a turn has one message of each role, in one or more parts
part
user_id,          as Zep gets them
thread_id
content           the text, personal data redacted
created_at        RFC 3339, UTC; sent to Zep
state             ``pending``, ``sending`` (claimed) or ``delivered``
attempts          claims that led to an attempt
not_before        unix seconds; not tried before then
claim,            whose it is while it is sent, and until when (unix seconds)
claimed_until
unsure            Zep may have it: looked up before it is sent again
settles_at        unix seconds; a request of unknown fate may land until then, so it is not sent again before
unknown           was sent again after a look-up without it; there twice if the first request landed later
behind            a hint: an earlier message of its thread waits
forgotten         its person was forgotten while it was under way; the text is gone
last_error        why the last attempt failed
delivered_at      unix seconds
================  ====================================================================================================

``zepguard_dead_letters`` holds what Zep refused for good: the same without the columns of the delivery, and ``reason``
and ``died_at`` (unix seconds).
"""

from __future__ import annotations

import os
import re
import sqlite3
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from threading import Lock
from typing import Any

from guard.outbox.acceptance import Acceptance, count_redactions, prepare
from guard.outbox.sql import Cursor, SqlRows

__all__ = ["LETTERS", "MESSAGES", "DbApiRows", "accept", "create_tables"]

MESSAGES = "zepguard_outbox"
LETTERS = "zepguard_dead_letters"

_COLUMNS = """
    id {key},
    outbox_id TEXT NOT NULL UNIQUE,
    turn_id TEXT NOT NULL,
    part INTEGER NOT NULL DEFAULT 0,
    role TEXT NOT NULL,
    user_id TEXT NOT NULL,
    thread_id TEXT NOT NULL,
    content TEXT NOT NULL,
    created_at TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    unknown BOOLEAN NOT NULL DEFAULT FALSE,
"""

_TABLES = (
    f"""CREATE TABLE IF NOT EXISTS {MESSAGES} ({_COLUMNS}
    state TEXT NOT NULL DEFAULT 'pending',
    not_before DOUBLE PRECISION NOT NULL DEFAULT 0,
    claim TEXT NOT NULL DEFAULT '',
    claimed_until DOUBLE PRECISION NOT NULL DEFAULT 0,
    unsure BOOLEAN NOT NULL DEFAULT FALSE,
    settles_at DOUBLE PRECISION NOT NULL DEFAULT 0,
    behind BOOLEAN NOT NULL DEFAULT FALSE,
    forgotten BOOLEAN NOT NULL DEFAULT FALSE,
    last_error TEXT NOT NULL DEFAULT '',
    delivered_at DOUBLE PRECISION,
    UNIQUE (turn_id, role, part)
)""",
    f"""CREATE TABLE IF NOT EXISTS {LETTERS} ({_COLUMNS}
    reason TEXT NOT NULL,
    died_at DOUBLE PRECISION NOT NULL
)""",
    f"CREATE INDEX IF NOT EXISTS {MESSAGES}_in_line ON {MESSAGES} (not_before, id)"
    " WHERE state = 'pending' AND NOT behind",
    f"CREATE INDEX IF NOT EXISTS {MESSAGES}_sending ON {MESSAGES} (claimed_until, id) WHERE state = 'sending'",
    f"CREATE INDEX IF NOT EXISTS {MESSAGES}_thread ON {MESSAGES} (thread_id, id) WHERE NOT (state = 'delivered')",
    f"CREATE INDEX IF NOT EXISTS {MESSAGES}_delivered ON {MESSAGES} (delivered_at) WHERE state = 'delivered'",
    f"CREATE INDEX IF NOT EXISTS {LETTERS}_died ON {LETTERS} (died_at)",
)


def create_tables(connection: Any) -> None:
    """Make the two tables and their indexes, where they are missing; the caller commits.

    Args:
        connection: of ``sqlite3`` or ``psycopg``.
    """
    key = "INTEGER PRIMARY KEY AUTOINCREMENT" if _is_sqlite(connection) else "BIGSERIAL PRIMARY KEY"
    cursor = connection.cursor()
    for statement in _TABLES:
        cursor.execute(statement.format(key=key))
    cursor.close()


def accept(
    connection: Any,
    *,
    user_id: str,
    thread_id: str,
    role: str,
    content: str,
    turn_id: uuid.UUID | str,
    rules: Acceptance | None = None,
) -> list[str]:
    """Put a message into the outbox, without personal data, in the transaction that is open; the caller commits.

    Args:
        connection: the app's own, of ``sqlite3`` or ``psycopg``.
        user_id: whose message it is.
        thread_id: the app's own id; reaches Zep unchanged.
        role: ``user``, ``assistant``, or another that Zep knows.
        content: the text as it was written.
        turn_id: the turn; it has one message of each role.
        rules: ``Acceptance.of(service.settings)``; by default what the environment variables say.

    Returns:
        The outbox ids: one, or several in order if the message was longer than Zep takes.

    Raises:
        UnsafeId: an id that would ask Zep for another path.
        MessageRefused: an unknown role, or too long while ``ZEPGUARD_OUTBOX_LONG=refuse``.
        IntegrityError: the driver's own; this turn already has a message of that role.
    """
    rules = rules or Acceptance.from_environ()
    prepared = prepare(user_id=user_id, thread_id=thread_id, role=role, content=content, rules=rules)
    cursor = _named(connection)
    outbox_ids = [str(uuid.uuid4()) for _ in prepared.contents]
    for number, (outbox_id, part) in enumerate(zip(outbox_ids, prepared.contents, strict=True)):
        cursor.execute(
            f"INSERT INTO {MESSAGES} (outbox_id, turn_id, part, role, user_id, thread_id, content, created_at) VALUES"
            " (%(outbox_id)s, %(turn_id)s, %(part)s, %(role)s, %(user_id)s, %(thread_id)s, %(content)s, %(now)s)",
            {
                "outbox_id": outbox_id,
                "turn_id": str(turn_id),
                "part": number,
                "role": role,
                "user_id": user_id,
                "thread_id": thread_id,
                "content": part,
                "now": datetime.now(UTC).isoformat(),
            },
        )
    count_redactions(prepared.findings)
    return outbox_ids


class DbApiRows(SqlRows):
    """The outbox over connections of its own (``guard.outbox.rows.OutboxRows``), for several threads.

    Args:
        connect: opens a connection of ``sqlite3`` or ``psycopg``. One of ``sqlite3`` is handed from thread to thread:
            open it with ``check_same_thread=False``.
    """

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._pool = _Pool(connect)
        super().__init__(self._pool, messages=MESSAGES, letters=LETTERS)

    def close(self) -> None:
        """Close the connections that nobody uses; the next use opens new ones."""
        self._pool.close()


class _Pool:
    """Connections, each used by one thread at a time; ``guard.outbox.sql.Database``."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._lock = Lock()
        self._free: list[Any] = []
        self._pid = os.getpid()
        self._skips_locked: bool | None = None

    @property
    def skips_locked(self) -> bool:
        if self._skips_locked is None:
            with self._connection():
                pass
        return bool(self._skips_locked)

    @property
    def tells_changed(self) -> bool:
        return self.skips_locked or sqlite3.sqlite_version_info >= (3, 35)

    def read(self, sql: str, parameters: Mapping[str, Any]) -> list[Any]:
        with self._connection() as connection:
            cursor = _named(connection)
            cursor.execute(sql, parameters)
            found = cursor.fetchall()
            connection.commit()
            return list(found)

    def change(self, sql: str, parameters: Mapping[str, Any]) -> int:
        with self.transaction() as cursor:
            cursor.execute(sql, parameters)
            return cursor.rowcount

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        with self._connection() as connection:
            if _is_sqlite(connection):
                connection.execute("BEGIN IMMEDIATE")
            yield _named(connection)
            connection.commit()

    def close(self) -> None:
        with self._lock:
            free, self._free = self._free, []
        for connection in free:
            connection.close()

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        connection = self._take()
        try:
            yield connection
        except BaseException:
            with suppress(Exception):  # it may be broken, and so may the others: a server that went away broke all
                connection.rollback()
            with suppress(Exception):
                connection.close()
            self.close()
            raise
        with self._lock:
            self._free.append(connection)

    def _take(self) -> Any:
        with self._lock:
            if self._pid != os.getpid():  # a forked child: the connections are the parent's
                self._pid, self._free = os.getpid(), []
            if self._free:
                return self._free.pop()
        connection = self._connect()
        self._skips_locked = not _is_sqlite(connection)
        if not _is_sqlite(connection):
            connection.autocommit = False  # or each statement would be a transaction of its own, whatever is locked
            return connection
        if sys.version_info >= (3, 12):  # with its other ways ``commit`` may do nothing
            connection.autocommit = sqlite3.LEGACY_TRANSACTION_CONTROL
        connection.isolation_level = None  # transactions are begun by hand, as writers
        return connection


class _SqliteCursor:
    """A cursor of ``sqlite3`` that takes parameters as ``psycopg`` does."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

    def execute(self, sql: str, parameters: Mapping[str, Any]) -> None:
        self._cursor.execute(_with_colons(sql), parameters)

    def fetchall(self) -> list[Any]:
        return self._cursor.fetchall()

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount


@lru_cache(maxsize=256)
def _with_colons(sql: str) -> str:
    return re.sub(r"%\((\w+)\)s", r":\1", sql)


def _is_sqlite(connection: Any) -> bool:
    return isinstance(connection, sqlite3.Connection)


def _named(connection: Any) -> Cursor:
    cursor = connection.cursor()
    return _SqliteCursor(cursor) if _is_sqlite(connection) else cursor
