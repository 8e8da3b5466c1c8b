"""A new row, written with a statement that is made once a model: the ORM makes its own anew each time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS, connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

__all__ = ["insert"]


class _Statement(NamedTuple):
    """How to write a row of a model. ``makes_key``: the database does, and says it if ``tells_key``."""

    sql: str
    fields: Sequence[models.Field[Any, Any]]
    makes_key: bool
    tells_key: bool


def insert(row: models.Model) -> None:
    """Write a row that is not there yet over the default connection; sends none of Django's signals.

    Not for models of several tables, nor for fields whose default is an expression of the database.

    Raises:
        IntegrityError: a constraint says no; the transaction that is open, if any, is to be rolled back.
    """
    database = connections[DEFAULT_DB_ALIAS]
    statement = _statement(type(row), database.vendor, _tells_key(database))
    values = [field.get_db_prep_save(field.pre_save(row, True), database) for field in statement.fields]
    with transaction.mark_for_rollback_on_error(DEFAULT_DB_ALIAS), database.cursor() as cursor:
        cursor.execute(statement.sql, values)
        if statement.makes_key:
            row.pk = cursor.fetchone()[0] if statement.tells_key else cursor.lastrowid
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


def _tells_key(database: BaseDatabaseWrapper) -> bool:
    return bool(database.features.can_return_columns_from_insert)


@cache
def _statement(model: type[models.Model], vendor: str, tells_key: bool) -> _Statement:
    meta = model._meta
    fields = [field for field in meta.local_concrete_fields if not isinstance(field, models.AutoField)]
    makes_key = isinstance(meta.pk, models.AutoField)
    quoted = connections[DEFAULT_DB_ALIAS].ops.quote_name
    columns = ", ".join(quoted(str(field.column)) for field in fields)
    sql = f"INSERT INTO {quoted(meta.db_table)} ({columns}) VALUES ({', '.join(['%s'] * len(fields))})"
    if makes_key and tells_key:
        sql += f" RETURNING {quoted(str(meta.pk.column))}"
    return _Statement(sql=sql, fields=fields, makes_key=makes_key, tells_key=tells_key)
