"""A database of one test alone, as Django's default one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["default_database"]


@contextmanager
def default_database(url: str, folder: Path) -> Iterator[dict[str, Any]]:
    """Make it, migrated, and give Django's settings of it: a schema of PostgreSQL at ``url``, else a SQLite file."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections

    schema = f"test_{uuid.uuid4().hex[:12]}"
    mine: dict[str, Any]
    if url:
        import dj_database_url

        mine = {**dj_database_url.parse(url)}
        mine["OPTIONS"] = {**mine.get("OPTIONS", {}), "options": f"-c search_path={schema}"}
    else:
        options = {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": "PRAGMA journal_mode=WAL"}
        mine = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "app.sqlite3"), "OPTIONS": options}
    before_settings, before = connections.settings["default"], connections["default"]
    connections.settings["default"] = connections.configure_settings({"default": dict(mine)})["default"]
    del connections["default"]
    try:
        if url:
            connections["default"].cursor().execute(f'CREATE SCHEMA "{schema}"')
        call_command("migrate", "zepguard", verbosity=0)
        yield mine
    finally:
        if url:
            connections["default"].cursor().execute(f'DROP SCHEMA "{schema}" CASCADE')
        connections["default"].close()
        connections.settings["default"] = before_settings
        connections["default"] = before
