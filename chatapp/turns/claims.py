"""Who may answer a turn, and that it is answered once. The rows decide, in transactions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cache
from threading import Lock

from django.db import IntegrityError, connection, transaction

from chatapp.memory import has_memory
from chatapp.models import ChatThread, Turn
from chatapp.turns.events import Done, MemoryNote
from chatapp.turns.question import Question
from guard.django.outbox import accept
from guard.django.statements import insert, update

__all__ = ["Answered", "Claim", "claim", "finish"]


class Claim(Enum):
    """What came of asking for a turn."""

    HELD = auto()  # ours to answer; the person's message is committed
    OTHERS = auto()  # another attempt has it, and this one may not take over
    NOT_YOURS = auto()  # the thread belongs to somebody else


@dataclass(frozen=True, slots=True)
class Answered:
    """The turn is done already, and this was the answer."""

    done: Done = field(repr=False)


def claim(question: Question, *, attempt: int, supersedes: int) -> Claim | Answered:
    """Claim the turn for ``attempt``; the first claim commits the person's message with it.

    Args:
        question: what was asked.
        attempt: of all that ask for the turn, the highest that may take it keeps it.
        supersedes: take the turn from attempts up to this one; from a higher one, never.
    """
    try:
        with _writing():
            thread, owner = _thread_of(question)
            if owner != question.user_id:
                return Claim.NOT_YOURS
            insert(Turn(id=question.turn_id, thread_id=thread, attempt=attempt))
            _accept(question, "user", question.message)
            return Claim.HELD
    except IntegrityError:  # another attempt was there first; as a rule none was: nothing is looked up before
        return _claim_again(question, attempt, supersedes)


def finish(question: Question, *, attempt: int, done: Done) -> bool:
    """Commit the answer of ``attempt``; False, and nothing changed, if it no longer holds the turn."""
    with _writing():
        ours = update(
            Turn,
            where={"id": question.turn_id, "attempt": attempt, "state": Turn.State.CLAIMED},
            to={
                "state": Turn.State.DONE,
                "reply": done.reply,
                "memory": {
                    "mode": done.memory.mode,
                    "status": done.memory.status,
                    "detail": done.memory.detail,
                    "used": done.memory.used,
                },
                "apology": done.apology,
            },
        )
        if ours:
            _accept(question, "assistant", done.reply)
        return bool(ours)


_one_writer = Lock()


@contextmanager
def _writing() -> Iterator[None]:
    """A transaction. SQLite has one writer and lets the others poll, some for seconds; threads queue here instead."""
    with _one_writer if connection.vendor == "sqlite" else nullcontext(), transaction.atomic():
        yield


def _thread_of(question: Question) -> tuple[int, str]:
    """Give the thread's key and whose it is; a new one is the asker's."""
    with connection.cursor() as cursor:
        cursor.execute(_known_thread(connection.vendor), [question.thread_id])
        known: tuple[int, str] | None = cursor.fetchone()
    if known is not None:
        return known
    thread, _ = ChatThread.objects.get_or_create(thread_id=question.thread_id, defaults={"user_id": question.user_id})
    return thread.pk, thread.user_id


@cache
def _known_thread(vendor: str) -> str:
    """The look-up of each message, compiled once: the ORM compiles it anew each time, at several times its cost."""
    sql, _ = ChatThread.objects.filter(thread_id="").values_list("pk", "user_id").query.sql_with_params()
    return sql


def _claim_again(question: Question, attempt: int, supersedes: int) -> Claim | Answered:
    with _writing():
        if _take_over(question, attempt, supersedes):
            return Claim.HELD
        turn = Turn.objects.get(id=question.turn_id)
        return _answered(turn) if turn.state == Turn.State.DONE else Claim.OTHERS


def _accept(question: Question, role: str, content: str) -> None:
    if has_memory(question.thread_id):
        accept(
            user_id=question.user_id,
            thread_id=question.thread_id,
            role=role,
            content=content,
            turn_id=question.turn_id,
        )


def _take_over(question: Question, attempt: int, supersedes: int) -> bool:
    open_turn = Turn.objects.filter(
        id=question.turn_id, attempt__lt=attempt, attempt__lte=supersedes, state=Turn.State.CLAIMED
    )
    return bool(open_turn.update(attempt=attempt))


def _answered(turn: Turn) -> Answered:
    return Answered(Done(reply=turn.reply, memory=MemoryNote(**turn.memory), apology=turn.apology))
