"""The endpoints."""

from __future__ import annotations

import asyncio

from asgiref.sync import sync_to_async
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase

from chatapp import memory, metrics
from chatapp.turns.asking import open_turn
from chatapp.web.answers import answer_at_once, answer_in_pieces, refuse, unavailable
from chatapp.web.requests import Refusal, may_scrape, read_question, wants_stream
from guard.django.outbox import DjangoRows
from guard.logs import get_logger
from guard.metrics import exposition
from guard.outbox.collector import OutboxCollector

__all__ = ["CHAT_PATH", "bad_request", "chat", "health", "not_found", "scrape", "unexpected"]

CHAT_PATH = "/api/chat/"

_HEALTH_S = 2.0


async def chat(request: HttpRequest) -> HttpResponseBase:
    """Answer one message, at once as JSON or in pieces as server-sent events."""
    try:
        _only(request, "POST")
        question = read_question(request)
    except Refusal as refusal:
        return refuse(refusal, {"Allow": "POST"} if refusal.status == 405 else None)
    turn = open_turn(question)
    return await (answer_in_pieces(turn) if wants_stream(request) else answer_at_once(turn))


def scrape(request: HttpRequest) -> HttpResponse:
    """Give the metrics of all processes."""
    try:
        _only(request, "GET")
        if not may_scrape(request):
            raise Refusal(401, "The metrics need a token.", "Send the header Authorization: Bearer <token>.")
    except Refusal as refusal:
        return refuse(refusal, {"Allow": "GET"} if refusal.status == 405 else None)
    body, content_type = exposition.render(memory.service(), more=[OutboxCollector(DjangoRows())])
    return HttpResponse(body, content_type=content_type)


async def health(request: HttpRequest) -> HttpResponse:
    """Say whether the web reaches its database."""
    try:
        await asyncio.wait_for(sync_to_async(_ask_database)(), _HEALTH_S)
    except (DatabaseError, TimeoutError):
        return JsonResponse({"status": "down", "error": "The database does not answer."}, status=503)
    return JsonResponse({"status": "ok"})


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a path that does not exist."""
    return refuse(Refusal(404, "There is nothing here.", f"The chat is at {CHAT_PATH}."))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django cannot read."""
    return refuse(Refusal(400, "The request cannot be read."))


def unexpected(request: HttpRequest) -> HttpResponse:
    """Answer where a view broke: as an outage, since to the person it is one."""
    get_logger(__name__).error("view_broke", path=request.path)
    if request.path == CHAT_PATH:
        metrics.count_turn(failed=True)
    return unavailable()


def _only(request: HttpRequest, method: str) -> None:
    if request.method != method:
        raise Refusal(405, f"{request.method} is not served here.", f"Use {method}.")


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
