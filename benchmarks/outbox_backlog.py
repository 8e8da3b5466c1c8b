"""A backlog in the outbox: what a claim costs behind it, and what a new turn waits for. Ratios, in one run.

    python benchmarks/outbox_backlog.py [MESSAGES]        # 100000; SQLite, and PostgreSQL by TEST_DATABASE_URL

The delivery is real, Zep is not: each call of it takes a millisecond and succeeds.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from guard import read_settings
from guard.engine import WriteResult
from guard.outbox.acceptance import Acceptance
from guard.outbox.dbapi import MESSAGES, DbApiRows, accept, create_tables
from guard.outbox.delivery import deliver
from guard.outbox.rows import BATCH_MAX
from guard.service import MemoryService

SMALL = 100
A_THREAD = 10
LONG_THREADS = 4
WARM_UP = 20
CLAIMS = 100
TURNS = 40
CALL_S = 0.001

RULES = Acceptance.from_environ({})


def main(messages: int) -> None:
    """Measure and print."""
    for name, database in databases():
        with ExitStack() as stack:
            few, many, long = (
                Backlog(*stack.enter_context(database()), messages=size, a_thread=a_thread)
                for size, a_thread in ((SMALL, A_THREAD), (messages, A_THREAD), (messages, messages // LONG_THREADS))
            )
            for _ in range(CLAIMS):  # in turn, so that a busy moment hits all alike
                for backlog in (few, many, long):
                    backlog.claim()
            print(f"{name:10}  claim at {SMALL} rows {few.ms:.2f} ms, at {messages} {many.ms:.2f} ms", end="")
            print(
                f": {many.ms / few.ms:.2f} times; in {LONG_THREADS} threads of {messages // LONG_THREADS} rows", end=""
            )
            print(f" {long.ms / few.ms:.2f} times, for batches of {BATCH_MAX} instead of {A_THREAD}")
        empty, behind = waits(database, 0), waits(database, messages)
        print(f"{name:10}  a new turn waits for {empty:.1f} batches in an empty table,", end="")
        print(f" {behind:.1f} behind {messages} rows (median)")
        drained(name, database, min(messages, 3000))


class Backlog:
    """A table of so many messages; each claim is delivered, and made up for."""

    def __init__(self, connect: Callable[[], Any], rows: DbApiRows, *, messages: int, a_thread: int) -> None:
        self._app = connect()
        self._rows = rows
        self._took: list[float] = []
        fill(connect, messages, a_thread)
        for _ in range(WARM_UP):  # the first looks set the hints, once
            self.claim()
        self._took.clear()

    def claim(self) -> None:
        """Claim a batch, timed."""
        now = time.time()
        began = time.perf_counter()
        batch = self._rows.claim(now=now, lease_s=3600)
        self._took.append((time.perf_counter() - began) * 1000)
        assert batch is not None
        self._rows.delivered(batch, [row.key for row in batch.rows], now=now)
        for _ in batch.rows:
            take(self._app, batch.thread_id)
        self._app.commit()

    @property
    def ms(self) -> float:
        """Median milliseconds of a claim."""
        return statistics.median(self._took)


def waits(database: Callable[..., Any], messages: int) -> float:
    """Median number of batches delivered up to and with that of a turn accepted just now."""
    with database() as (connect, rows):
        fill(connect, messages, A_THREAD)
        counts = []
        for number in range(TURNS):
            connection = connect()
            take(connection, f"new-{number}")
            connection.commit()
            connection.close()
            counts.append(1)
            while (batch := rows.claim(now=time.time(), lease_s=3600)).thread_id != f"new-{number}":
                rows.delivered(batch, [row.key for row in batch.rows], now=0)
                counts[-1] += 1
            rows.delivered(batch, [row.key for row in batch.rows], now=0)
        return statistics.median(counts)


def drained(name: str, database: Callable[..., Any], messages: int) -> None:
    """Messages a second of one delivering thread, beside the bare calls."""
    settings = read_settings({"FLAG_ZEP_WRITE": "true", "ZEP_ENABLED": "true", "ZEP_API_KEY": "key"})
    calls = 0

    def write(thread_id: str, perform: Callable[[Any], Any]) -> WriteResult:
        nonlocal calls
        calls += 1
        time.sleep(CALL_S)
        return WriteResult(sent=True)

    service = cast(MemoryService, SimpleNamespace(settings=settings, write=write))
    with database() as (connect, rows):
        fill(connect, messages, A_THREAD)
        began = time.perf_counter()
        while (batch := rows.claim(now=time.time(), lease_s=3600)) is not None:
            deliver(service, rows, batch)
        took = time.perf_counter() - began
    began = time.perf_counter()
    for _ in range(calls):
        time.sleep(CALL_S)
    bare = time.perf_counter() - began
    print(f"{name:10}  {messages / took:.0f} messages a second; {took / bare:.2f} times the bare calls' time")


def fill(connect: Callable[[], Any], messages: int, a_thread: int) -> None:
    """Messages of threads of so many each, as an outage leaves them."""
    connection = connect()
    place = "?" if isinstance(connection, sqlite3.Connection) else "%s"
    now = datetime.now(UTC).isoformat()
    connection.cursor().executemany(  # as ``accept`` writes them, and many times as quick
        f"INSERT INTO {MESSAGES} (outbox_id, turn_id, role, user_id, thread_id, content, created_at)"
        f" VALUES ({', '.join([place] * 7)})",
        [
            (str(uuid.uuid4()), str(uuid.uuid4()), "user", "u", f"t{n // a_thread}", "hello", now)
            for n in range(messages)
        ],
    )
    connection.commit()
    if not isinstance(connection, sqlite3.Connection):
        connection.autocommit = True
        connection.execute(f"ANALYZE {MESSAGES}")
    connection.close()


def take(connection: Any, thread_id: str) -> None:
    """Accept one message."""
    accept(
        connection,
        user_id="u",
        thread_id=thread_id,
        role="user",
        content="hello",
        turn_id=uuid.uuid4(),
        rules=RULES,
    )


def databases() -> Iterator[tuple[str, Callable[..., Any]]]:
    """SQLite, and PostgreSQL where there is one."""
    yield "sqlite", sqlite_file
    if os.environ.get("TEST_DATABASE_URL"):
        yield "postgresql", postgres_schema


@contextmanager
def sqlite_file() -> Iterator[tuple[Callable[[], Any], DbApiRows]]:
    """A file in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="zepguard-bench-") as folder:
        path = Path(folder) / "app.sqlite3"

        def connect() -> Any:
            return sqlite3.connect(path, timeout=20, check_same_thread=False)

        connection = connect()
        connection.execute("PRAGMA journal_mode=WAL")
        create_tables(connection)
        connection.close()
        rows = DbApiRows(connect)
        yield connect, rows
        rows.close()


@contextmanager
def postgres_schema() -> Iterator[tuple[Callable[[], Any], DbApiRows]]:
    """A schema that is gone afterwards."""
    import psycopg

    schema = f"bench_{uuid.uuid4().hex[:12]}"

    def connect() -> Any:
        return psycopg.connect(os.environ["TEST_DATABASE_URL"], options=f"-c search_path={schema}")

    with psycopg.connect(os.environ["TEST_DATABASE_URL"], autocommit=True) as owner:
        owner.execute(f'CREATE SCHEMA "{schema}"')
        connection = connect()
        create_tables(connection)
        connection.commit()
        connection.close()
        rows = DbApiRows(connect)
        try:
            yield connect, rows
        finally:
            rows.close()
            owner.execute(f'DROP SCHEMA "{schema}" CASCADE')


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
