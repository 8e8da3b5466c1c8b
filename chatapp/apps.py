"""The Django app, and what is set once in its database before any program starts."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate

__all__ = ["ChatAppConfig"]


def _write_ahead(using: str, **_: Any) -> None:
    """Put a SQLite file into WAL mode; the file keeps it. Done by migrate, when nobody else has it open."""
    connection = connections[using]
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA journal_mode=WAL")


class ChatAppConfig(AppConfig):
    """The chat app."""

    name = "chatapp"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen for the end of migrate."""
        post_migrate.connect(_write_ahead, sender=self, dispatch_uid="chatapp.write_ahead")
