"""Rows written and changed with statements that are made once: the ORM makes its own anew each time.

That is most of what a turn costs the app's own process. No signals are sent, and all goes over the default connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS, connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

__all__ = ["insert", "update"]


class _Statement(NamedTuple):
    """A statement and the fields of its parameters."""

    sql: str
    fields: Sequence[models.Field[Any, Any]]


def insert(row: models.Model) -> None:
    """Write a row that is not there yet.

    Not for models of several tables, nor for fields whose default is an expression of the database.

    Raises:
        IntegrityError: a constraint says no; the transaction that is open, if any, is to be rolled back.
    """
    database = connections[DEFAULT_DB_ALIAS]
    makes_key, tells_key = isinstance(row._meta.pk, models.AutoField), _tells_key(database)
    statement = _insertion(type(row), database.vendor, makes_key and tells_key)
    values = [field.get_db_prep_save(field.pre_save(row, True), database) for field in statement.fields]
    with transaction.mark_for_rollback_on_error(DEFAULT_DB_ALIAS), database.cursor() as cursor:
        cursor.execute(statement.sql, values)
        if makes_key:
            row.pk = cursor.fetchone()[0] if tells_key else cursor.lastrowid
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


def update(model: type[models.Model], *, where: Mapping[str, Any], to: Mapping[str, Any]) -> int:
    """Change the rows whose fields have these values; gives how many those are.

    Args:
        model: of one table.
        where: values by the names of fields, of a foreign key the key; none of them None.
        to: the new values by the names of fields.
    """
    database = connections[DEFAULT_DB_ALIAS]
    statement = _change(model, database.vendor, tuple(to), tuple(where))
    given = (*to.values(), *where.values())
    values = [field.get_db_prep_save(value, database) for field, value in zip(statement.fields, given, strict=True)]
    with transaction.mark_for_rollback_on_error(DEFAULT_DB_ALIAS), database.cursor() as cursor:
        cursor.execute(statement.sql, values)
        changed: int = cursor.rowcount
    return changed


def _tells_key(database: BaseDatabaseWrapper) -> bool:
    return bool(database.features.can_return_columns_from_insert)


@cache
def _insertion(model: type[models.Model], vendor: str, tells_key: bool) -> _Statement:
    meta = model._meta
    fields = [field for field in meta.local_concrete_fields if not isinstance(field, models.AutoField)]
    columns = ", ".join(_quoted(field.column) for field in fields)
    sql = f"INSERT INTO {_quoted(meta.db_table)} ({columns}) VALUES ({', '.join(['%s'] * len(fields))})"
    return _Statement(f"{sql} RETURNING {_quoted(meta.pk.column)}" if tells_key else sql, fields)


@cache
def _change(model: type[models.Model], vendor: str, to: Iterable[str], where: Iterable[str]) -> _Statement:
    table, named = _quoted(model._meta.db_table), {field.name: field for field in model._meta.local_concrete_fields}
    changed, known = ([named[name] for name in names] for names in (to, where))
    sets, looks = ([f"{_quoted(field.column)} = %s" for field in fields] for fields in (changed, known))
    return _Statement(f"UPDATE {table} SET {', '.join(sets)} WHERE {' AND '.join(looks)}", [*changed, *known])


def _quoted(name: str | None) -> str:
    return str(connections[DEFAULT_DB_ALIAS].ops.quote_name(str(name)))
