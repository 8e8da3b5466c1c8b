"""A claim behind a long queue costs what it costs behind a short one, and reads by index alone."""

from __future__ import annotations

import re
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from guard.outbox.acceptance import Acceptance
from guard.outbox.dbapi import DbApiRows, accept, create_tables

STEP = 50


class Counted:
    """A SQLite outbox of so many messages that counts the steps of its virtual machine."""

    def __init__(self, path: Path, threads: int, a_thread: int, rules: Acceptance) -> None:
        self.steps = 0
        self.rows = DbApiRows(lambda: self._connect(path))
        app = sqlite3.connect(path)
        create_tables(app)
        for number in range(threads * a_thread):
            accept(app, user_id="u", thread_id=f"t{number // a_thread}", role="user", content="hello",
                   turn_id=uuid.uuid4(), rules=rules)  # fmt: skip
        app.commit()
        app.close()
        for _ in range(10):  # the first looks set the hints, once
            self.claim()
        self.steps = 0

    def _connect(self, path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(path, check_same_thread=False)
        connection.set_progress_handler(self._stepped, STEP)
        return connection

    def _stepped(self) -> int:
        self.steps += STEP
        return 0

    def claim(self) -> None:
        batch = self.rows.claim(now=1000.0, lease_s=10)
        assert batch is not None
        self.rows.delivered(batch, [row.key for row in batch.rows], now=1000.0)


@pytest.mark.parametrize(("threads", "a_thread"), [(1000, 5), (5, 1000)])
def test_a_claim_takes_as_many_steps_behind_5000_messages_as_behind_100(
    tmp_path: Path, rules: Acceptance, threads: int, a_thread: int
) -> None:
    few = Counted(tmp_path / "few.sqlite3", 20, 5, rules)
    many = Counted(tmp_path / "many.sqlite3", threads, a_thread, rules)
    for _ in range(10):
        few.claim()
        many.claim()
    few.rows.close()
    many.rows.close()
    messages_a_batch = min(a_thread, 30) / 5
    assert many.steps <= few.steps * messages_a_batch * 1.5


def test_every_look_of_a_claim_reads_an_index(outbox: Any) -> None:
    """Also where others' messages wait, are put off, or are under way."""
    outbox.accept("t0", "x")
    for number in range(1, 300):
        outbox.accept(f"t{number}", "x", "y")
    batch = outbox.rows.claim(now=1000.0, lease_s=10)
    outbox.rows.put_back(batch, not_before=2000.0, error="", attempted=True)
    if outbox.rows._database.skips_locked:
        outbox.run("ANALYZE {messages}")
    plans: list[str] = []
    read = outbox.rows._database.read

    def spy(sql: str, parameters: Any) -> list[Any]:
        prefix = "EXPLAIN " if outbox.rows._database.skips_locked else "EXPLAIN QUERY PLAN "
        plans.append("\n".join(str(line) for line in read(prefix + sql, parameters)))
        return []

    outbox.rows._database.read = spy
    try:
        assert outbox.rows.claim(now=1000.0, lease_s=10) is None
    finally:
        del outbox.rows._database.read
    assert len(plans) == 4
    for plan in plans:
        assert ("_in_line" in plan) or ("_sending" in plan), plan
        assert "Seq Scan" not in plan, plan
        assert "SCAN c\n" not in plan, plan
        assert "TEMP B-TREE" not in plan, plan


@pytest.mark.parametrize("outbox", ["django-postgresql", "dbapi-postgresql"], indirect=True)
def test_a_statement_reads_no_rows_but_those_of_its_thread(outbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a few long threads, one after the other, where PostgreSQL's planner takes each for a good part of all rows."""
    outbox.accept("t0", "old")
    done = outbox.rows.claim(now=1000.0, lease_s=10)
    outbox.run(
        "INSERT INTO {messages} (outbox_id, turn_id, part, role, user_id, thread_id, content, created_at, attempts,"
        " unknown, state, not_before, claim, claimed_until, unsure, settles_at, behind, forgotten, last_error)"
        " SELECT gen_random_uuid(), gen_random_uuid(), 0, role, user_id, 't' || n / 2000, content, created_at, 0,"
        " FALSE, 'pending', 0, '', 0, FALSE, 0, FALSE, FALSE, '' FROM {messages}, generate_series(2000, 9999) n"
    )
    outbox.rows.delivered(done, [row.key for row in done.rows], now=1000.0)
    outbox.run("ANALYZE {messages}")
    database = outbox.rows._database
    said: list[tuple[str, Any]] = []
    transaction = database.transaction

    @contextmanager
    def watched(_: Any) -> Iterator[Any]:
        with transaction() as cursor:
            yield Explained(cursor, said)

    def explained(_: Any, sql: str, parameters: Any) -> list[Any]:
        with database.transaction() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())

    def changed(_: Any, sql: str, parameters: Any) -> int:
        with database.transaction() as cursor:
            cursor.execute(sql, parameters)
            return int(cursor.rowcount)

    monkeypatch.setattr(type(database), "transaction", watched)
    monkeypatch.setattr(type(database), "read", explained)
    monkeypatch.setattr(type(database), "change", changed)
    for _ in range(3):  # each look comes first once
        batch = outbox.rows.claim(now=1000.0, lease_s=10)
        assert batch is not None
        outbox.rows.put_back(batch, not_before=1000.0, error="", attempted=True)
    monkeypatch.undo()
    assert len(said) > 10
    for sql, plan in said:
        removed = [int(found) for found in re.findall(r"Rows Removed by Filter: (\d+)", plan)]
        assert sum(removed) < 1000, f"{sql[:80]}\n{plan}"  # a look passes over 500 at most


class Explained:
    """A cursor that has each statement explained, with what it really reads, before it is run."""

    def __init__(self, cursor: Any, said: list[tuple[str, Any]]) -> None:
        self._cursor, self._said = cursor, said

    def execute(self, sql: str, parameters: Any) -> None:
        self._cursor.execute("SAVEPOINT explained", {})
        self._cursor.execute(f"EXPLAIN ANALYZE {sql}", parameters)
        self._said.append((sql, "\n".join(line for (line,) in self._cursor.fetchall())))
        self._cursor.execute("ROLLBACK TO SAVEPOINT explained", {})
        self._cursor.execute(sql, parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)
