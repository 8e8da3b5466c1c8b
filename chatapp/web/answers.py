"""Writes what the person gets: one JSON answer, or server-sent events."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict

from django.conf import settings
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from chatapp.turns.asking import OpenTurn
from chatapp.turns.events import Done, Event, NotYours, Reset, Token
from chatapp.turns.question import Question
from chatapp.web.requests import Refusal

__all__ = ["TOKEN_FRAME", "answer_at_once", "answer_in_pieces", "refuse", "unavailable"]

TOKEN_FRAME = b"event: token\n"
"""How the frame of a token begins."""

_LOOK_FIRST = "The message may have been stored: wait a little, and look at the thread before you send it again."


def refuse(refusal: Refusal, headers: Mapping[str, str] | None = None) -> JsonResponse:
    """Say what is wrong with a request."""
    fields = {"error": refusal.error} | ({"remedy": refusal.remedy} if refusal.remedy else {})
    response = JsonResponse(fields, status=refusal.status, headers=dict(headers or {}))
    if refusal.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def unavailable() -> JsonResponse:
    """Say that no answer can be had now."""
    return refuse(
        Refusal(503, "The chat cannot answer now.", _LOOK_FIRST),
        {"Retry-After": str(_retry_after_s())},
    )


async def answer_at_once(turn: OpenTurn) -> HttpResponse:
    """Wait for the end of the turn and answer in one piece; the reply is committed by then."""
    async for event in turn.events():
        if isinstance(event, Done):
            return JsonResponse(_done(turn.question, event))
        if isinstance(event, NotYours):
            return _no_such_thread()
    return unavailable()


async def answer_in_pieces(turn: OpenTurn) -> HttpResponseBase:
    """Wait for the first token, then answer as a stream.

    Nothing is sent before, so that a turn which never gets as far still has a status of its own, and an accepted one
    (its first byte was sent) has its message committed.
    """
    events = turn.events()
    async for first in events:
        if isinstance(first, Token):
            return StreamingHttpResponse(
                _frames(turn.question, first, events),
                content_type="text/event-stream",
                headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
            )
        if isinstance(first, NotYours):
            return _no_such_thread()
    return unavailable()


async def _frames(question: Question, first: Event, rest: AsyncIterator[Event]) -> AsyncIterator[bytes]:
    yield _frame(question, first)
    async for event in rest:
        yield _frame(question, event)


def _frame(question: Question, event: Event) -> bytes:
    match event:
        case Token(text):
            return TOKEN_FRAME + _data({"text": text})
        case Reset():
            return b"event: reset\n" + _data({})
        case Done():
            return b"event: done\n" + _data(_done(question, event))
        case _:
            return b"event: error\n" + _data(
                {
                    "error": "The answer was cut.",
                    "remedy": _LOOK_FIRST,
                    "retry_after_s": _retry_after_s(),
                }
            )


def _data(fields: Mapping[str, object]) -> bytes:
    return b"data: " + json.dumps(fields, ensure_ascii=False).encode() + b"\n\n"


def _done(question: Question, done: Done) -> dict[str, object]:
    return {
        "reply": done.reply,
        "thread_id": question.thread_id,
        "turn_id": str(question.turn_id),
        "memory": asdict(done.memory),
    }


def _no_such_thread() -> JsonResponse:
    return refuse(Refusal(404, "There is no such thread.", "Use a thread id of your own."))


def _retry_after_s() -> int:
    return max(1, math.ceil(settings.CHATAPP_TURN_RESEND_S * 2))
