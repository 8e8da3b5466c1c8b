"""The chat app in this process: Django with a database in memory, its test client, and ``zep_mode``."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import django
from django.db import DataError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import Client, override_settings

from guard.operator import Operator
from guard.service import MemoryService
from zepguard.stack.environment import clean_environment
from zepguard.worlds.world import CommandResult

__all__ = ["JWT_SECRET", "Database", "client", "environment", "run_zep_mode", "set_up", "take_settings"]

JWT_SECRET = "virtual persons only: no token made with this opens a real door"
_SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "chatapp.settings",
    "CHATAPP_SECRET_KEY": "virtual: signs nothing, but Django wants one",
    "CHATAPP_JWT_SECRET": JWT_SECRET,
    "DATABASE_URL": "sqlite:///:memory:",
}


@contextlib.contextmanager
def environment() -> Iterator[None]:
    """Keep the caller's flags, keys and addresses out of the world for as long as it lasts."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update({**clean_environment(before), **_SETTINGS})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def set_up() -> Iterator[None]:
    """Set Django up, if this process has not yet, with the world's own secret."""
    django.setup()
    with override_settings(CHATAPP_JWT_SECRET=JWT_SECRET, CHATAPP_METRICS_TOKEN=""):
        yield


def take_settings(variables: Mapping[str, str]) -> None:
    """Have the app go by what these variables say of its own settings; what they do not name has its default."""
    from django.conf import settings

    settings.CHATAPP_MEMORY_SHARE = float(variables.get("CHATAPP_MEMORY_SHARE", "1"))
    settings.CHATAPP_AGENT_FAILS = variables.get("CHATAPP_AGENT_FAILS") == "true"


def client() -> Client:
    """A client of the views; what a view raises becomes the answer that a person would get."""
    return Client(raise_request_exception=False)


class Database:
    """An SQLite database in memory with all tables, in place of the configured one until closed."""

    _migrated: sqlite3.Connection | None = None  # migrated once a process; each database starts as a copy

    def __init__(self) -> None:
        configured = connections.configure_settings({"default": {"ENGINE": "django.db.backends.sqlite3"}})
        backend = django.db.utils.load_backend("django.db.backends.sqlite3")
        self._connection: BaseDatabaseWrapper = backend.DatabaseWrapper(
            {**configured["default"], "NAME": ":memory:"}, "default"
        )
        self._connection.inc_thread_sharing()  # lanes use it too, never at the same time
        self._before = connections["default"]
        self._refusal: _Refusal | None = None

    def open(self) -> None:
        """Put it in place."""
        self.use()
        self._connection.ensure_connection()
        raw: Any = self._connection.connection
        if Database._migrated is None:
            from django.core.management import call_command

            call_command("migrate", verbosity=0, interactive=False)
            Database._migrated = sqlite3.connect(":memory:", check_same_thread=False)
            raw.backup(Database._migrated)
        else:
            Database._migrated.backup(raw)

    def use(self) -> None:
        """Use it in the calling thread."""
        connections["default"] = self._connection

    def refuse(self, what: str) -> None:
        """Refuse ``requests``: to accept a message, and health checks; or ``replies`` alone, when they are committed.

        All else passes: what a delivery does without its table is not the chat's.
        """
        self.mend()
        self._refusal = _Refusal(what)
        self._connection.execute_wrappers.append(self._refusal)

    def mend(self) -> int | None:
        """Refuse nothing any more; how many requests were refused, or None if none were to be."""
        refusal, self._refusal = self._refusal, None
        if refusal is None:
            return None
        self._connection.execute_wrappers.remove(refusal)
        return refusal.refused

    def close(self) -> None:
        """Give it up, and put the configured one back."""
        connections["default"] = self._before
        self._connection.dec_thread_sharing()
        raw: Any = self._connection.connection
        if raw is not None:
            raw.close()
            self._connection.connection = None


class _Refusal:
    """Around each statement of a connection; its error quotes the values, as PostgreSQL's do."""

    def __init__(self, what: str) -> None:
        from guard.django.models import OutboxMessage

        outbox = OutboxMessage._meta.db_table
        refused = {"requests": rf'SELECT 1$|INSERT INTO "?{outbox}\b', "replies": 'UPDATE "chatapp_'}
        self._refuses = re.compile(refused[what])
        self.refused = 0

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if self._refuses.match(sql):
            self.refused += 1
            raise DataError(f"cannot {sql}: {params}")
        return execute(sql, params, many, context)


def run_zep_mode(
    arguments: tuple[str, ...],
    *,
    service: Callable[[], MemoryService],
    pause: Callable[[float], None],
    clock: Callable[[], float],
) -> CommandResult:
    """Run the real command as ``manage.py`` would, in place.

    Args:
        arguments: as on the command line.
        service: makes the guard with the settings as they are now.
        pause: lets virtual time pass.
        clock: gives unix seconds.
    """
    from guard.django.management.commands.zep_mode import Command
    from guard.django.outbox import DjangoRows
    from guard.outbox.operator import OutboxOperator  # not above: metrics must not be made before the environment is

    class InPlace(Command):
        def service(self) -> MemoryService:
            return service()

        def operator(self, service: MemoryService) -> Operator:
            return Operator(service, pause=pause)

        def outbox(self, service: MemoryService) -> OutboxOperator:
            return OutboxOperator(service, DjangoRows(), apart=True, pause=pause, clock=clock)

    said, code = io.StringIO(), 0
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            InPlace(no_color=True).run_from_argv(["manage.py", "zep_mode", *arguments])
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
    return CommandResult(code=code, text=said.getvalue().strip())
