"""The outbox in SQL, once for SQLite and PostgreSQL, whoever gives the connection.

A message is *waiting* until it is delivered, buried or forgotten. The oldest waiting one of a thread is its head; a
claim takes a head and what follows it. To find a head must not cost more in a long queue, so each look reads a few
rows of the partial index over ``pending AND NOT behind``. ``behind`` is a hint: it is set by a look that meets a
message behind its head, and cleared for the next in line when a head goes. A message with a wrong hint is never sent
out of turn (a claim asks again) and never lost (``tidy`` clears hints that are left over).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from itertools import count
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from guard.core.settings import SETTLE_S
from guard.outbox.rows import BATCH_MAX, Batch, Counts, DeadLetter, Forgotten, Row

__all__ = ["CLOCK_S", "ERROR_CHARACTERS_MAX", "Cursor", "Database", "SqlRows"]

ERROR_CHARACTERS_MAX = 300
"""Of ``last_error`` and of a dead letter's reason."""

CLOCK_S = 10.0
"""How often the server is asked for its time, seconds."""

_FIRST_LOOK = 8
_NEXT_LOOK = 500
"""Rows that a look reads, and reads again while all that it saw were behind their heads."""

_CARRIED = (
    "outbox_id, turn_id, part, role, user_id, thread_id, content, created_at, attempts, unknown"  # into a dead letter
)
_SENT = "id, outbox_id, role, content, created_at, unsure, settles_at"
_WAITING = "NOT ({0}state = 'delivered') AND NOT {0}forgotten"
# The first that waits in this thread, or after it if none does. Not ``thread_id =`` with the order by id alone:
# PostgreSQL would then look for a long thread's messages along the primary key, past all those of others.
_HEAD = (
    "(SELECT e.id FROM {table} e WHERE e.thread_id >= {thread} AND "
    + _WAITING.format("e.")
    + " ORDER BY e.thread_id, e.id LIMIT 1)"
)
_ABANDONED = "state = 'sending' AND claimed_until <= %(now)s"
_DUE = f"((state = 'pending' AND not_before <= %(now)s) OR ({_ABANDONED}))"
_LANDING = (
    "((state = 'sending' AND claimed_until > %(now)s - %(settle)s)"
    " OR (state = 'pending' AND unsure AND settles_at > %(now)s))"
)


class Cursor(Protocol):
    """What is used of a DB-API cursor; parameters are named, ``%(name)s``."""

    def execute(self, sql: str, parameters: Mapping[str, Any], /) -> Any:
        """Run one statement."""

    def fetchall(self) -> list[Any]:
        """Give its rows."""

    @property
    def rowcount(self) -> int:
        """Give how many rows it changed."""


class Database(Protocol):
    """A way to the tables, usable by several threads at once."""

    @property
    def skips_locked(self) -> bool:
        """Whether it has ``FOR UPDATE SKIP LOCKED`` (PostgreSQL); else one writer at a time is taken for granted."""

    @property
    def tells_changed(self) -> bool:
        """Whether an UPDATE can give the rows that it changed (PostgreSQL, SQLite from 3.35)."""

    def read(self, sql: str, parameters: Mapping[str, Any], /) -> list[Any]:
        """Give the rows of one query, outside of a transaction."""

    def change(self, sql: str, parameters: Mapping[str, Any], /) -> int:
        """Run one statement and commit it; gives how many rows it changed."""

    def transaction(self) -> AbstractContextManager[Cursor]:
        """Commit what is done inside, or roll it back if that raises."""


class _Look(NamedTuple):
    """A range of the index to look for a head in."""

    where: str
    order: str


# Not ``= 0``: PostgreSQL would then take the order by id from the primary key, past all that was delivered today.
_FIRST_COME = "state = 'pending' AND NOT behind AND not_before <= 0"
_LOOKS = (
    _Look(_FIRST_COME, "not_before, id"),
    _Look(_FIRST_COME, "not_before DESC, id DESC"),
    _Look("state = 'pending' AND NOT behind AND not_before > 0 AND not_before <= %(now)s", "not_before, id"),
)
"""The longest waiting, the newest, and the longest due of those put back: they take turns, so that none starves."""


class SqlRows:
    """``guard.outbox.rows.OutboxRows`` over a database.

    Args:
        database: the way to it.
        messages: name of the outbox table.
        letters: name of the table of dead letters.
    """

    def __init__(self, database: Database, *, messages: str, letters: str) -> None:
        self._database = database
        self._messages = messages
        self._letters = letters
        self._turn = count()
        self._clock: tuple[float, float] | None = None  # the server's and our monotonic one, read together

    def now(self) -> float:
        """The time by the database's clock.

        A lease goes by it: of two machines whose clocks differ by more than a lease, each would take the other's claims
        for abandoned at once. SQLite's is this machine's, as is that of all who can open its file.
        """
        if not self._database.skips_locked:
            return time.time()
        seen, at = self._clock or (0.0, float("-inf"))
        monotonic = time.monotonic()
        if monotonic - at >= CLOCK_S:
            [(seen,)] = self._database.read("SELECT EXTRACT(EPOCH FROM clock_timestamp())::double precision", {})
            at = monotonic = time.monotonic()
            self._clock = (seen, at)
        return seen + monotonic - at

    # -- delivery ----------------------------------------------------------------------------------------------------

    def claim(self, *, now: float, lease_s: float, settle_s: float = SETTLE_S) -> Batch | None:
        """Claim the messages of one thread that is due, or None; see ``OutboxRows``."""
        at = {"now": now, "settle": settle_s, "until": now + lease_s}
        first = next(self._turn) % len(_LOOKS)
        turns = (_Look(_ABANDONED, "claimed_until, id"), *_LOOKS[first:], *_LOOKS[:first])
        for look in turns:
            batch = self._find(look, at)
            if batch is not None:
                return batch
        return None

    def _find(self, look: _Look, at: Mapping[str, float]) -> Batch | None:
        limit = _FIRST_LOOK
        while True:
            seen = self._database.read(
                f"SELECT id, {self._earlier('c')} FROM {self._messages} c"
                f" WHERE {look.where} AND NOT forgotten ORDER BY {look.order} LIMIT {limit}",
                at,
            )
            for key, behind in seen:
                batch = None if behind else self._take(key, at)
                if batch is not None:
                    return batch
            lowered = self._lower([key for key, behind in seen if behind])
            if not lowered and (len(seen) < limit or limit == _NEXT_LOOK):
                return None
            limit = _NEXT_LOOK

    def _take(self, key: int, at: Mapping[str, float]) -> Batch | None:
        with self._database.transaction() as cursor:
            head = self._lock(cursor, key, at)
            if head is None:
                return None
            user_id, thread_id, attempts = head
            cursor.execute(
                f"SELECT id FROM {self._messages} WHERE thread_id <= %(thread_id)s"  # as in ``_HEAD``
                " AND (thread_id, id) >= (%(thread_id)s, %(key)s)"
                f" AND {_WAITING.format('')} ORDER BY thread_id, id LIMIT {BATCH_MAX}",
                {"thread_id": thread_id, "key": key},
            )
            keys, named = _names([found for (found,) in cursor.fetchall()])
            claim = secrets.token_hex(16)
            # What is still ``sending`` was claimed by a process that died, and sent by the end of its lease, if at all.
            cursor.execute(
                f"UPDATE {self._messages} SET attempts = attempts + 1, behind = (id <> %(key)s), claim = %(claim)s,"
                " unsure = (unsure OR state = 'sending'),"
                " settles_at = CASE WHEN state = 'sending' THEN claimed_until + %(settle)s ELSE settles_at END,"
                f" state = 'sending', claimed_until = %(until)s WHERE id IN ({keys})"
                + (f" RETURNING {_SENT}" if self._database.tells_changed else ""),
                {**named, "claim": claim, "key": key, "until": at["until"], "settle": at["settle"]},
            )
            if not self._database.tells_changed:
                cursor.execute(f"SELECT {_SENT} FROM {self._messages} WHERE id IN ({keys})", named)
            rows = sorted(map(_row, cursor.fetchall()), key=lambda row: row.key)
        return Batch(
            claim=claim,
            until=at["until"],
            user_id=user_id,
            thread_id=thread_id,
            rows=rows,
            attempts=attempts + 1,
        )

    def _lock(self, cursor: Cursor, key: int, at: Mapping[str, float]) -> Any:
        """The head, if it is still to be had."""
        due = f"WHERE id = %(key)s AND {_DUE} AND NOT forgotten"
        head = f"SELECT user_id, thread_id, attempts FROM {self._messages} {due}"
        if self._database.skips_locked:
            head += " FOR UPDATE SKIP LOCKED"
        elif self._database.tells_changed:  # a write takes the one writer's place before anything is read
            head = f"UPDATE {self._messages} SET claim = claim {due} RETURNING user_id, thread_id, attempts"
        else:
            cursor.execute(f"UPDATE {self._messages} SET claim = claim WHERE id = %(key)s", {"key": key})
        cursor.execute(head, {**at, "key": key})
        return next(iter(cursor.fetchall()), None)

    def _lower(self, keys: Sequence[int]) -> int:
        """Note that these wait behind their heads; gives how many that is news of."""
        if not keys:
            return 0
        listed, named = _names(keys)
        with self._database.transaction() as cursor:
            cursor.execute(
                f"UPDATE {self._messages} SET behind = TRUE"
                f" WHERE id IN ({listed}) AND state = 'pending' AND NOT behind",
                named,
            )
            lowered = cursor.rowcount
            # A head may have gone since they were looked at; this sees it, or whoever took it waits to clear the hint.
            cursor.execute(
                f"UPDATE {self._messages} SET behind = FALSE WHERE id IN ({listed})"
                f" AND NOT {self._earlier(self._messages)}",
                named,
            )
            return lowered

    def _next_in_line(self, thread_id: str) -> None:
        """Clear the hint of the thread's head; after the commit of what made it the head, so that it sees all."""
        news = "" if self._database.skips_locked else " AND behind"
        self._database.change(
            f"UPDATE {self._messages} SET behind = FALSE"
            f" WHERE id = {_HEAD.format(table=self._messages, thread='%(thread_id)s')}"
            f" AND thread_id = %(thread_id)s{news}",
            {"thread_id": thread_id},
        )

    def sending_again(self, batch: Batch, keys: Collection[int]) -> int:
        """Mark rows of unknown fate that are about to be sent again; gives how many were not marked yet."""
        listed, named = _names(keys)
        with self._database.transaction() as cursor:
            cursor.execute(
                f"UPDATE {self._messages} SET unknown = TRUE"
                f" WHERE id IN ({listed}) AND claim = %(claim)s AND NOT unknown",
                {**named, "claim": batch.claim},
            )
            return cursor.rowcount

    def delivered(self, batch: Batch, keys: Collection[int], *, now: float) -> int:
        """Zep has these, also if the claim was lost meanwhile; gives how many were not known to be there."""
        listed, named = _names(keys)
        news = self._database.change(
            f"UPDATE {self._messages} SET state = 'delivered', delivered_at = %(now)s, claim = '', last_error = ''"
            f" WHERE id IN ({listed}) AND NOT (state = 'delivered')",
            {**named, "now": now},
        )
        self._next_in_line(batch.thread_id)
        return news

    def put_back(
        self,
        batch: Batch,
        *,
        not_before: float,
        error: str,
        attempted: bool,
        unsure: Collection[int] = (),
        settles_at: float = 0.0,
    ) -> int:
        """Give up the claim on what is left of the batch; see ``OutboxRows``."""
        unsure_keys, named = _names(unsure, "u")
        keys, also_named = _names([row.key for row in batch.rows])
        with self._database.transaction() as cursor:
            cursor.execute(
                f"UPDATE {self._messages} SET state = 'pending', claim = '', not_before = %(not_before)s,"
                f" last_error = %(error)s, attempts = attempts - %(back)s, unsure = (unsure OR id IN ({unsure_keys})),"
                f" settles_at = CASE WHEN id IN ({unsure_keys}) THEN %(settles_at)s ELSE settles_at END"
                f" WHERE id IN ({keys}) AND claim = %(claim)s AND state = 'sending'",
                {
                    **named,
                    **also_named,
                    "not_before": not_before,
                    "error": error[:ERROR_CHARACTERS_MAX],
                    "back": 0 if attempted else 1,
                    "claim": batch.claim,
                    "settles_at": settles_at,
                },
            )
            back = cursor.rowcount
        self._next_in_line(batch.thread_id)
        return back

    # -- dead letters ------------------------------------------------------------------------------------------------

    def bury(self, batch: Batch, key: int, *, reason: str, now: float) -> bool:
        """Make a dead letter of a claimed row; see ``OutboxRows``."""
        mine = {"key": key, "claim": batch.claim, "reason": reason[:ERROR_CHARACTERS_MAX], "now": now}
        with self._database.transaction() as cursor:
            # Locks it: another that took the claim between the next two would leave the message in both tables.
            cursor.execute(f"UPDATE {self._messages} SET claim = claim WHERE id = %(key)s AND claim = %(claim)s", mine)
            cursor.execute(
                f"INSERT INTO {self._letters} ({_CARRIED}, reason, died_at)"
                f" SELECT {_CARRIED}, %(reason)s, %(now)s FROM {self._messages}"
                " WHERE id = %(key)s AND claim = %(claim)s AND NOT forgotten",
                mine,
            )
            buried = cursor.rowcount == 1
            cursor.execute(f"DELETE FROM {self._messages} WHERE id = %(key)s AND claim = %(claim)s", mine)
        self._next_in_line(batch.thread_id)
        return buried

    def dead_letters(self, *, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """The dead letters with a key above ``after``, oldest first."""
        found = self._database.read(
            "SELECT id, outbox_id, user_id, thread_id, role, reason, died_at, attempts, unknown"
            f" FROM {self._letters} WHERE id > %(after)s ORDER BY id LIMIT %(limit)s",
            {"after": after, "limit": limit},
        )
        return [
            DeadLetter(
                key=key,
                outbox_id=_uuid(outbox_id),
                user_id=user_id,
                thread_id=thread_id,
                role=role,
                reason=reason,
                died_at=died_at,
                attempts=attempts,
                unknown=bool(unknown),
            )
            for key, outbox_id, user_id, thread_id, role, reason, died_at, attempts, unknown in found
        ]

    def send_again(self, key: int) -> bool:
        """Put a dead letter back at the end of its thread, to be looked up first; False if there is none."""
        carried = _CARRIED.replace(", attempts", "")
        with self._database.transaction() as cursor:
            # Locks it: another operator waits here, and then finds it gone.
            cursor.execute(f"UPDATE {self._letters} SET reason = reason WHERE id = %(key)s", {"key": key})
            cursor.execute(
                f"INSERT INTO {self._messages} ({carried}, attempts, unsure, settles_at, state, not_before, claim,"
                " claimed_until, behind, forgotten, last_error)"
                f" SELECT {carried}, 0, TRUE, 0, 'pending', 0, '', 0, FALSE, FALSE, reason"
                f" FROM {self._letters} WHERE id = %(key)s",
                {"key": key},
            )
            cursor.execute(f"DELETE FROM {self._letters} WHERE id = %(key)s", {"key": key})
            return cursor.rowcount == 1

    def drop(self, key: int) -> bool:
        """Delete a dead letter; False if there is none."""
        with self._database.transaction() as cursor:
            cursor.execute(f"DELETE FROM {self._letters} WHERE id = %(key)s", {"key": key})
            return cursor.rowcount == 1

    # -- upkeep ------------------------------------------------------------------------------------------------------

    def counts(self) -> Counts:
        """How many there are, and since when the oldest waits."""
        states = {
            state: (number, oldest)
            for state, number, oldest in self._database.read(
                f"SELECT state, COUNT(*), MIN(created_at) FROM {self._messages}"
                f" WHERE {_WAITING.format('')} GROUP BY state",
                {},
            )
        }
        [(dead,)] = self._database.read(f"SELECT COUNT(*) FROM {self._letters}", {})
        return Counts(
            pending=states.get("pending", (0,))[0],
            sending=states.get("sending", (0,))[0],
            dead=dead,
            oldest=min((_moment(oldest).timestamp() for _, oldest in states.values()), default=None),
        )

    def tidy(
        self, *, now: float, keep_s: float, dead_keep_s: float, settle_s: float = SETTLE_S, limit: int = 1000
    ) -> int:
        """Delete what is old enough, and clear hints that are left over; gives how many rows went."""
        at = {"now": now, "settle": settle_s, "old": now - keep_s, "old_letter": now - dead_keep_s}
        gone = 0
        for table, which in (
            (self._messages, "state = 'delivered' AND delivered_at <= %(old)s ORDER BY delivered_at"),
            (self._messages, f"NOT (state = 'delivered') AND forgotten AND NOT {_LANDING}"),
            (self._letters, "died_at <= %(old_letter)s ORDER BY died_at"),
        ):
            keys = [key for (key,) in self._database.read(f"SELECT id FROM {table} WHERE {which} LIMIT {limit}", at)]
            gone += self._delete(table, keys)
        self._clear_left_over_hints(limit)
        return gone

    def _delete(self, table: str, keys: Sequence[int]) -> int:
        if not keys:
            return 0
        listed, named = _names(keys)
        with self._database.transaction() as cursor:
            cursor.execute(f"DELETE FROM {table} WHERE id IN ({listed})", named)
            return cursor.rowcount

    def _clear_left_over_hints(self, limit: int) -> None:
        left = self._database.read(
            f"SELECT id FROM {self._messages} c WHERE state = 'pending' AND behind AND NOT forgotten"
            f" AND NOT {self._earlier('c')} LIMIT {limit}",
            {},
        )
        if left:
            listed, named = _names([key for (key,) in left])
            with self._database.transaction() as cursor:
                cursor.execute(f"UPDATE {self._messages} SET behind = FALSE WHERE id IN ({listed})", named)

    def forget_user(self, user_id: str, *, now: float, settle_s: float = SETTLE_S) -> Forgotten:
        """Delete the person's messages and dead letters; see ``OutboxRows``."""
        at = {"user_id": user_id, "now": now, "settle": settle_s}
        with self._database.transaction() as cursor:
            cursor.execute(f"DELETE FROM {self._messages} WHERE user_id = %(user_id)s AND NOT {_LANDING}", at)
            messages = cursor.rowcount
            cursor.execute(
                f"UPDATE {self._messages} SET forgotten = TRUE, content = '' WHERE user_id = %(user_id)s", at
            )
            cursor.execute(f"DELETE FROM {self._letters} WHERE user_id = %(user_id)s", at)
            letters = cursor.rowcount
            cursor.execute(
                "SELECT MAX(CASE WHEN state = 'sending' THEN claimed_until + %(settle)s ELSE settles_at END)"
                f" FROM {self._messages} WHERE user_id = %(user_id)s",
                at,
            )
            [(until,)] = cursor.fetchall()
        return Forgotten(messages=messages, dead_letters=letters, wait_until=until or 0.0)

    def _earlier(self, outer: str) -> str:
        """Whether one that waits comes before this one, which waits too."""
        return f"({_HEAD.format(table=self._messages, thread=f'{outer}.thread_id')} < {outer}.id)"


def _names(values: Collection[int], prefix: str = "k") -> tuple[str, dict[str, int]]:
    """A list of parameters for ``IN``; for none, a key that no row has."""
    named = {f"{prefix}{number}": value for number, value in enumerate(values)}
    return ", ".join(f"%({name})s" for name in named) or "-1", named


def _row(found: Sequence[Any]) -> Row:
    key, outbox_id, role, content, created_at, unsure, settles_at = found
    return Row(
        key=key,
        outbox_id=_uuid(outbox_id),
        role=role,
        content=content,
        created_at=_moment(created_at).isoformat().replace("+00:00", "Z"),
        unsure=bool(unsure),
        settles_at=settles_at,
    )


def _uuid(stored: object) -> str:
    """Django keeps 32 digits in SQLite."""
    return str(UUID(str(stored)))


def _moment(stored: datetime | str) -> datetime:
    moment = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
