"""A claim behind a long queue costs what it costs behind a short one, and reads by index alone."""

from __future__ import annotations

import sqlite3
import uuid
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
