"""The app's database in virtual time: SQLite in memory, where each transaction is a step of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from itertools import count
from typing import Any

from guard.outbox.dbapi import create_tables

__all__ = ["Database"]

_NUMBERS = count()


class Database:
    """One database for all processes of a run; it never goes away, and keeps what was committed.

    Args:
        step: called before each transaction and after each commit; may pause, or raise if the process was killed.
    """

    def __init__(self, step: Callable[[], None]) -> None:
        self._step = step
        self._uri = f"file:zepguard-simulation-{next(_NUMBERS)}?mode=memory&cache=shared"
        self._kept = self._open(sqlite3.Connection)
        create_tables(self._kept)
        self._kept.commit()

    def _open(self, factory: type[sqlite3.Connection]) -> Any:
        return sqlite3.connect(self._uri, uri=True, check_same_thread=False, factory=factory)

    def connect(self) -> Any:
        """A connection for a process."""
        connection = self._open(_Stepping)
        connection.step = self._step
        return connection

    def look(self, sql: str) -> list[Any]:
        """What a query gives now, at no time."""
        return list(self._kept.execute(sql).fetchall())

    def close(self) -> None:
        """Forget it all."""
        self._kept.close()


class _Stepping(sqlite3.Connection):
    """A connection that lets others run wherever it holds no lock."""

    step: Callable[[], None]

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        if not self.in_transaction:
            self.step()
        return super().cursor(*args, **kwargs)

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        if not self.in_transaction:
            self.step()
        return super().execute(sql, parameters)

    def commit(self) -> None:
        wrote = self.in_transaction
        super().commit()
        if wrote:
            self.step()

    def commit_at_once(self) -> None:
        """Commit, and let nobody run before the caller has taken note."""
        super().commit()
