"""The plain outbox over whatever connection the app opens."""

from __future__ import annotations

import sqlite3
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from guard.outbox.acceptance import Acceptance
from guard.outbox.dbapi import MESSAGES, DbApiRows, accept, create_tables
from tests.outbox.conftest import Outbox

SQLITE_MODES: list[dict[str, Any]] = [{}, {"isolation_level": None}, {"isolation_level": "EXCLUSIVE"}]
if sys.version_info >= (3, 12):
    SQLITE_MODES += [{"autocommit": True}, {"autocommit": False}]


def holds_transactions(rows: DbApiRows, states: Callable[[], list[str]]) -> None:
    """What is done is seen by others; what fails half way is undone."""
    batch = rows.claim(now=1000.0, lease_s=10)
    assert batch is not None
    assert states() == ["sending"]
    with pytest.raises(KeyError):
        lose_all(rows)
    assert states() == ["sending"]
    assert rows.delivered(batch, [row.key for row in batch.rows], now=1000.0) == 1
    assert states() == ["delivered"]
    rows.close()


def lose_all(rows: DbApiRows) -> None:
    with rows._database.transaction() as cursor:
        cursor.execute(f"UPDATE {MESSAGES} SET state = 'lost'", {})
        raise KeyError


@pytest.mark.parametrize("mode", SQLITE_MODES, ids=str)
def test_a_connection_of_sqlite_may_be_in_any_mode(tmp_path: Path, mode: dict[str, Any], rules: Acceptance) -> None:
    app = sqlite3.connect(tmp_path / "app.sqlite3")
    create_tables(app)
    accept(app, user_id="u", thread_id="t", role="user", content="hello", turn_id=uuid.uuid4(), rules=rules)
    app.commit()
    rows = DbApiRows(lambda: sqlite3.connect(tmp_path / "app.sqlite3", check_same_thread=False, **mode))
    holds_transactions(rows, lambda: [state for (state,) in app.execute(f"SELECT state FROM {MESSAGES}").fetchall()])
    app.close()


@pytest.mark.parametrize("outbox", ["dbapi-postgresql"], indirect=True)
def test_a_connection_of_postgresql_may_commit_by_itself(outbox: Outbox) -> None:
    """As ``psycopg.connect(DSN, autocommit=True)`` gives: a lock on a row would end with its statement."""
    connect = outbox.rows._database._connect  # type: ignore[attr-defined]

    def connect_with_autocommit() -> Any:
        connection = connect()
        connection.autocommit = True
        return connection

    outbox.accept("t")
    holds_transactions(DbApiRows(connect_with_autocommit), lambda: outbox.stored("state"))
