"""A row is written and changed as the ORM would have done it, on the database that the run has."""

import uuid
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, transaction

from chatapp.models import ChatThread, Turn
from guard.django import statements
from guard.django.models import OutboxMessage
from guard.django.statements import insert, update


def new_thread() -> ChatThread:
    return ChatThread.objects.create(thread_id=f"t-{uuid.uuid4()}", user_id="ada")


def test_a_row_whose_key_is_given_has_its_defaults_and_its_time() -> None:
    before = datetime.now(UTC)
    turn = Turn(id=uuid.uuid4(), thread=new_thread(), attempt=2, memory={"mode": "off"})
    insert(turn)
    kept = Turn.objects.get(id=turn.id)
    assert (kept.state, kept.attempt, kept.reply, kept.memory) == (Turn.State.CLAIMED, 2, "", {"mode": "off"})
    assert kept.created_at == turn.created_at
    assert before <= kept.created_at <= datetime.now(UTC)


@pytest.mark.parametrize("tells_key", [True, False])
def test_a_row_whose_key_the_database_makes_knows_it(monkeypatch: pytest.MonkeyPatch, tells_key: bool) -> None:
    if not tells_key and connection.vendor != "sqlite":
        pytest.skip("PostgreSQL always tells the key")
    monkeypatch.setattr(statements, "_tells_key", lambda database: tells_key)
    thread = ChatThread(thread_id=f"t-{uuid.uuid4()}", user_id="ada")
    insert(thread)
    assert ChatThread.objects.get(thread_id=thread.thread_id).pk == thread.pk
    thread.user_id = "bob"
    thread.save()  # as a row that is there
    assert ChatThread.objects.get(pk=thread.pk).user_id == "bob"


def test_two_models_have_a_statement_each() -> None:
    thread = new_thread()
    insert(Turn(id=uuid.uuid4(), thread=thread, attempt=1))
    turn_id = uuid.uuid4()
    insert(OutboxMessage(turn_id=turn_id, role="user", user_id="ada", thread_id=thread.thread_id, content="hello"))
    assert OutboxMessage.objects.get(turn_id=turn_id).content == "hello"


def test_what_a_constraint_refuses_rolls_back_what_is_open() -> None:
    turn_id, thread = uuid.uuid4(), new_thread()
    insert(Turn(id=turn_id, thread=thread, attempt=1))
    other = f"t-{uuid.uuid4()}"

    @transaction.atomic
    def again() -> None:
        ChatThread.objects.create(thread_id=other, user_id="ada")
        insert(Turn(id=turn_id, thread=thread, attempt=2))

    with pytest.raises(IntegrityError):
        again()
    assert Turn.objects.get(id=turn_id).attempt == 1
    assert not ChatThread.objects.filter(thread_id=other).exists()


def test_only_the_rows_that_are_meant_are_changed() -> None:
    thread = new_thread()
    turns = [Turn(id=uuid.uuid4(), thread=thread, attempt=attempt) for attempt in (1, 2)]
    for turn in turns:
        insert(turn)
    memory = {"mode": "read_write", "used": True}
    to = {"state": Turn.State.DONE, "reply": "yes", "memory": memory, "apology": True}
    assert update(Turn, where={"id": turns[0].id, "attempt": 2}, to=to) == 0
    assert update(Turn, where={"id": turns[0].id, "attempt": 1, "state": Turn.State.CLAIMED}, to=to) == 1
    assert update(Turn, where={"id": turns[0].id, "attempt": 1, "state": Turn.State.CLAIMED}, to=to) == 0
    kept, other = (Turn.objects.get(id=turn.id) for turn in turns)
    assert (kept.state, kept.reply, kept.memory, kept.apology) == (Turn.State.DONE, "yes", memory, True)
    assert (other.state, other.reply, other.memory, other.apology) == (Turn.State.CLAIMED, "", {}, False)
    assert update(Turn, where={"thread": thread.pk}, to={"attempt": 7}) == 2
