"""The worker's Celery tasks. They return nothing and raise nothing: Celery logs both."""

from __future__ import annotations

import uuid

from django.db import close_old_connections

from chatapp import memory
from chatapp.celery import CHAT_QUEUE, DELIVERY_QUEUE, app
from chatapp.deliveries import nudge_arrived, nudge_soon
from chatapp.turns.answering import answer
from chatapp.turns.mailbox import Outgoing
from chatapp.turns.question import Question

__all__ = ["answer_turn", "nudge"]


@app.task(name="chatapp.answer_turn", queue=CHAT_QUEUE, ignore_result=True)
def answer_turn(turn_id: str, attempt: int, supersedes: int, user_id: str, thread_id: str, message: str) -> None:
    """Answer one turn; the same one may be asked again, as a later attempt."""
    question = Question(turn_id=uuid.UUID(turn_id), user_id=user_id, thread_id=thread_id, message=message)
    close_old_connections()
    answered = answer(
        question,
        attempt=attempt,
        supersedes=supersedes,
        read_context=memory.read_context,
        post=Outgoing(question.turn_id, attempt).post,
    )
    if answered:
        nudge_soon()


@app.task(name="chatapp.nudge", queue=DELIVERY_QUEUE, ignore_result=True)
def nudge() -> None:
    """Set off a delivery."""
    nudge_arrived()
