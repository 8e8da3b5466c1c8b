"""The outbox tables, by each implementation that there is, and ways to put messages in and look at them."""

from __future__ import annotations

import os
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from guard.core.settings import VARIABLES
from guard.outbox.acceptance import Acceptance
from guard.outbox.sql import SqlRows
from tests.databases import default_database

settings.register_profile("outbox", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("outbox")

KINDS = ("django-sqlite", "django-postgresql", "dbapi-sqlite", "dbapi-postgresql")


@pytest.fixture(autouse=True)
def _no_variables_of_the_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable.name, raising=False)


class Outbox:
    """One implementation: its rows, and the app's side of it."""

    def __init__(self, rows: SqlRows, accept: Callable[..., list[str]]) -> None:
        self.rows = rows
        self._accept = accept

    def accept(
        self, thread_id: str = "t", *contents: str, user_id: str = "u", role: str = "user", **more: Any
    ) -> list[str]:
        """Accept messages, each of a turn of its own; gives their outbox ids."""
        return [
            outbox_id
            for content in contents or ("hello",)
            for outbox_id in self._accept(
                user_id=user_id,
                thread_id=thread_id,
                role=role,
                content=content,
                **{"turn_id": uuid.uuid4(), **more},
            )
        ]

    def stored(self, *columns: str) -> list[Any]:
        """The rows of the outbox table, in order."""
        sql = f"SELECT {', '.join(columns)} FROM {self.rows._messages} ORDER BY id"
        found = self.rows._database.read(sql, {})
        return [row[0] if len(columns) == 1 else tuple(row) for row in found]

    def run(self, sql: str, **parameters: Any) -> None:
        with self.rows._database.transaction() as cursor:
            cursor.execute(sql.format(messages=self.rows._messages, letters=self.rows._letters), parameters)


@contextmanager
def _django(url: str, folder: Path) -> Iterator[Outbox]:
    with default_database(url, folder):
        from guard.django.outbox import DjangoRows, accept

        yield Outbox(DjangoRows(), lambda **message: [str(row.outbox_id) for row in accept(**message)])


@contextmanager
def _dbapi(url: str, folder: Path) -> Iterator[Outbox]:
    from guard.outbox.dbapi import DbApiRows, accept, create_tables

    schema = f"outbox_{uuid.uuid4().hex[:12]}"

    def connect() -> Any:
        if not url:
            return sqlite3.connect(folder / "app.sqlite3", timeout=20, check_same_thread=False)
        import psycopg

        return psycopg.connect(url, options=f"-c search_path={schema}")

    app = connect()
    if url:
        app.execute(f'CREATE SCHEMA "{schema}"')
    else:
        app.execute("PRAGMA journal_mode=WAL")
    create_tables(app)
    app.commit()

    def accept_and_commit(**message: Any) -> list[str]:
        try:
            outbox_ids = accept(app, **message)
        except BaseException:
            app.rollback()
            raise
        app.commit()
        return outbox_ids

    rows = DbApiRows(connect)
    try:
        yield Outbox(rows, accept_and_commit)
    finally:
        rows.close()
        if url:
            app.execute(f'DROP SCHEMA "{schema}" CASCADE')
            app.commit()
        app.close()


@pytest.fixture(params=KINDS)
def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outbox]:
    """Each implementation; PostgreSQL where TEST_DATABASE_URL names one."""
    way, database = request.param.split("-")
    url = os.environ.get("TEST_DATABASE_URL", "") if database == "postgresql" else ""
    if database == "postgresql" and not url:
        pytest.skip("TEST_DATABASE_URL names no PostgreSQL")
    with {"django": _django, "dbapi": _dbapi}[way](url, tmp_path) as found:
        yield found


@pytest.fixture
def rules() -> Acceptance:
    return Acceptance.from_environ({})


@pytest.fixture(scope="session")
def wait_for() -> Callable[..., Any]:
    """Wait until a condition holds, and give what it gave."""

    def wait(condition: Callable[[], Any], *, seconds: float = 30.0, what: str = "") -> Any:
        ends = time.monotonic() + seconds
        while not (found := condition()):
            if time.monotonic() > ends:
                raise AssertionError(f"not within {seconds:g} s: {what or condition}")
            Event().wait(0.005)
        return found

    return wait
