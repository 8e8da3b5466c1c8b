"""The worker's side of a turn: claim it, read memory, compose, commit, and say so all the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from django.conf import settings

from chatapp import agent
from chatapp.turns.claims import Answered, Claim, claim, finish
from chatapp.turns.events import Done, Failed, MemoryNote, NotYours, Said, Started, Token
from chatapp.turns.question import Question
from guard import ContextResult
from guard.logs import get_logger

__all__ = ["answer"]


Compose = Callable[[str, str], Iterable[str]]


def _compose(message: str, context: str) -> Iterable[str]:
    if settings.CHATAPP_AGENT_FAILS:
        raise agent.AgentDown(f"no answer to {message!r}")
    return agent.compose(message, context)


class Post(Protocol):
    """Says something about the turn, to whoever listens; never fails."""

    def __call__(self, *events: Said) -> None: ...


class ReadContext(Protocol):
    """Reads what memory knows; ``MemoryService.read_context``."""

    def __call__(self, *, user_id: str, thread_id: str) -> ContextResult: ...


def answer(
    question: Question,
    *,
    attempt: int,
    supersedes: int,
    read_context: ReadContext,
    post: Post,
    compose: Compose = _compose,
) -> bool:
    """Answer one turn as ``attempt``; True if this attempt committed the reply.

    No transaction is open while memory is read. Whatever goes wrong is posted and logged by its type alone.
    """
    try:
        held = claim(question, attempt=attempt, supersedes=supersedes)
        if held is Claim.HELD:
            post(Started())
            return _answer_held(question, attempt, read_context, post, compose)
    except Exception as error:
        # Its text may quote the person, and Celery would log it.
        get_logger(__name__).error(
            "turn_failed", turn_id=str(question.turn_id), attempt=attempt, error=type(error).__name__
        )
        post(Failed())
        return False
    match held:
        case Answered(done):
            post(Started())
            post(done)
        case Claim.NOT_YOURS:
            post(NotYours())
    return False


def _answer_held(question: Question, attempt: int, read_context: ReadContext, post: Post, compose: Compose) -> bool:
    context = read_context(user_id=question.user_id, thread_id=question.thread_id)
    memory = MemoryNote(mode=str(context.mode), status=str(context.status), detail=context.detail, used=context.used)
    reply, apology = _speak(question, context.text, post, compose)
    done = Done(reply=reply, memory=memory, apology=apology)
    if not finish(question, attempt=attempt, done=done):
        return False  # superseded: whoever took over says the rest
    post(done)
    return True


def _speak(question: Question, context: str, post: Post, compose: Compose) -> tuple[str, bool]:
    try:
        tokens = [Token(text) for text in compose(question.message, context)]
    except Exception as error:
        get_logger(__name__).error("agent_failed", turn_id=str(question.turn_id), error=type(error).__name__)
        return agent.APOLOGY, True
    post(*tokens[:1])  # the one that the person waits for; this agent has the rest at once
    if tokens[1:]:
        post(*tokens[1:])
    return "".join(token.text for token in tokens), False
