"""Who may answer a turn: real threads that commit, on the database that the run has."""

import threading
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection

from chatapp.models import ChatThread, Turn
from chatapp.turns.claims import Answered, Claim, claim, finish
from chatapp.turns.events import Done, MemoryNote
from chatapp.turns.question import Question
from guard.django.models import OutboxMessage

DONE = Done(reply="yes", memory=MemoryNote(mode="off", status="skipped", detail="mode", used=False))


def question(thread_id: str, user_id: str = "ada", **fields: Any) -> Question:
    return Question(user_id=user_id, thread_id=thread_id, message="a question", **fields)


def outbox(asked: Question) -> list[tuple[str, str]]:
    return list(OutboxMessage.objects.filter(turn_id=asked.turn_id).order_by("id").values_list("role", "content"))


def test_the_first_claim_commits_the_message_and_the_finish_the_reply(thread_id: str) -> None:
    asked = question(thread_id)
    assert claim(asked, attempt=1, supersedes=0) is Claim.HELD
    assert outbox(asked) == [("user", "a question")]
    assert finish(asked, attempt=1, done=DONE)
    assert outbox(asked) == [("user", "a question"), ("assistant", "yes")]


def test_personal_data_stays_in_the_app_and_out_of_the_outbox(thread_id: str) -> None:
    asked = Question(user_id="ada", thread_id=thread_id, message="mail ada@example.com")
    claim(asked, attempt=1, supersedes=0)
    reply = "I wrote to ada@example.com"
    assert finish(asked, attempt=1, done=replace(DONE, reply=reply))
    assert outbox(asked) == [("user", "mail [EMAIL]"), ("assistant", "I wrote to [EMAIL]")]
    assert Turn.objects.get(id=asked.turn_id).reply == reply


def test_a_reply_longer_than_zep_takes_is_stored_in_parts(thread_id: str) -> None:
    asked = question(thread_id)
    claim(asked, attempt=1, supersedes=0)
    assert finish(asked, attempt=1, done=replace(DONE, reply="word " * 1500))
    assert "".join(content for role, content in outbox(asked) if role == "assistant") == "word " * 1500


def test_a_turn_that_somebody_holds_is_left_to_them_unless_they_are_superseded(thread_id: str) -> None:
    asked = question(thread_id)
    claim(asked, attempt=1, supersedes=0)
    assert claim(asked, attempt=2, supersedes=0) is Claim.OTHERS
    assert claim(asked, attempt=3, supersedes=1) is Claim.HELD
    assert outbox(asked) == [("user", "a question")]


def test_a_superseded_attempt_changes_nothing(thread_id: str) -> None:
    asked = question(thread_id)
    claim(asked, attempt=1, supersedes=0)
    claim(asked, attempt=2, supersedes=1)
    assert not finish(asked, attempt=1, done=DONE)
    assert outbox(asked) == [("user", "a question")]
    assert finish(asked, attempt=2, done=DONE)


def test_an_earlier_attempt_that_comes_late_takes_nothing(thread_id: str) -> None:
    asked = question(thread_id)
    claim(asked, attempt=2, supersedes=0)
    assert claim(asked, attempt=1, supersedes=0) is Claim.OTHERS


def test_a_turn_that_is_done_gives_its_answer_again(thread_id: str) -> None:
    asked = question(thread_id)
    claim(asked, attempt=1, supersedes=0)
    finish(asked, attempt=1, done=DONE)
    assert claim(asked, attempt=2, supersedes=1) == Answered(DONE)
    assert not finish(asked, attempt=1, done=DONE)


def test_a_thread_belongs_to_its_first_writer(thread_id: str) -> None:
    claim(question(thread_id), attempt=1, supersedes=0)
    theirs = question(thread_id, "bob")
    assert claim(theirs, attempt=1, supersedes=0) is Claim.NOT_YOURS
    assert not Turn.objects.filter(id=theirs.turn_id).exists()
    assert outbox(theirs) == []


def at_once(in_thread: Any, count: int, work: Any) -> list[Any]:
    barrier = threading.Barrier(count)

    def run(i: int) -> Any:
        barrier.wait(30)
        return work(i)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda i: in_thread(run, i), range(count)))


def test_of_first_writers_at_once_one_user_gets_the_thread(thread_id: str, in_thread: Any) -> None:
    got = at_once(in_thread, 8, lambda i: claim(question(thread_id, f"user{i}"), attempt=1, supersedes=0))
    assert Counter(got) == {Claim.HELD: 1, Claim.NOT_YOURS: 7}
    assert ChatThread.objects.get(thread_id=thread_id).turns.count() == 1


def test_of_attempts_at_once_one_holds_the_turn_in_the_end_and_finishes_it(thread_id: str, in_thread: Any) -> None:
    turn_id = uuid.uuid4()

    def attempt(i: int) -> bool:
        asked = question(thread_id, turn_id=turn_id)
        held = claim(asked, attempt=i + 1, supersedes=i)
        return held is Claim.HELD and finish(asked, attempt=i + 1, done=DONE)

    assert at_once(in_thread, 8, attempt).count(True) == 1
    assert [role for role, _ in outbox(question(thread_id, turn_id=turn_id))] == ["user", "assistant"]


@pytest.mark.parametrize("writers", [1, 48])
def test_no_turn_fails_for_the_database(writers: int, thread_id: str, in_thread: Any) -> None:
    def turns(i: int) -> int:
        answered = 0
        for n in range(150 // writers):
            asked = question(f"{thread_id}-{i}-{n % 3}")
            assert claim(asked, attempt=1, supersedes=0) is Claim.HELD
            answered += finish(asked, attempt=1, done=DONE)
        return answered

    assert at_once(in_thread, writers, turns) == [150 // writers] * writers


def test_migrate_has_put_sqlite_into_wal() -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA journal_mode")
            assert cursor.fetchone() == ("wal",)
