"""Reads what a person sends; whatever is wrong with it is a ``Refusal``, never a crash."""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest

from chatapp.tokens import BadToken, subject_of
from chatapp.turns.question import Question
from guard.core.ids import check_id
from guard.errors import UnsafeId

__all__ = ["MESSAGE_CHARACTERS_MAX", "Refusal", "may_scrape", "read_question", "wants_stream"]

MESSAGE_CHARACTERS_MAX = 4096


@dataclass(frozen=True)
class Refusal(Exception):
    """A request that cannot be served: the status, what is wrong, and what to do about it."""

    status: int
    error: str
    remedy: str = ""


def read_question(request: HttpRequest) -> Question:
    """Check who asks, then what.

    Raises:
        Refusal: 401 without a good token, 413 for too long a body, 400 for one that cannot be used.
    """
    user_id = _user_of(request)
    fields = _body(request)
    return Question(
        user_id=user_id, thread_id=_thread_id(fields.get("thread_id")), message=_message(fields.get("message"))
    )


def wants_stream(request: HttpRequest) -> bool:
    """Whether the client asks for server-sent events by name."""
    accepted = request.headers.get("Accept", "").split(",")
    return any(part.split(";", 1)[0].strip().lower() == "text/event-stream" for part in accepted)


def may_scrape(request: HttpRequest) -> bool:
    """Whether the metrics are open to this client."""
    token: str = settings.CHATAPP_METRICS_TOKEN
    return not token or hmac.compare_digest(_bearer(request).encode(), token.encode())


def _bearer(request: HttpRequest) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _user_of(request: HttpRequest) -> str:
    token = _bearer(request)
    if not token:
        raise Refusal(401, "A token is missing.", "Send the header Authorization: Bearer <JWT>.")
    try:
        return subject_of(settings.CHATAPP_JWT_SECRET, token)
    except BadToken as error:
        raise Refusal(401, f"The token was refused: {error}.", "Get a new one.") from None


def _body(request: HttpRequest) -> dict[str, object]:
    try:
        fields = json.loads(request.body)
    except RequestDataTooBig:
        raise Refusal(413, "The body is too long.") from None
    except (ValueError, RecursionError):
        raise Refusal(400, "The body is no JSON.", 'Send {"message": "...", "thread_id": "..."}.') from None
    if not isinstance(fields, dict):
        raise Refusal(400, "The body is no JSON object.", 'Send {"message": "...", "thread_id": "..."}.')
    return fields


def _message(value: object) -> str:
    if not isinstance(value, str):
        raise Refusal(400, "The message is missing or no text.", "Send it as the string message.")
    message = value.strip()
    if not message:
        raise Refusal(400, "The message is empty.", f"Send 1 to {MESSAGE_CHARACTERS_MAX} characters.")
    if len(message) > MESSAGE_CHARACTERS_MAX:
        raise Refusal(400, f"The message has {len(message)} characters.", f"Send at most {MESSAGE_CHARACTERS_MAX}.")
    # Neither PostgreSQL nor UTF-8 can hold these.
    if "\0" in message or any("\ud800" <= character <= "\udfff" for character in message):
        raise Refusal(400, "The message holds a NUL or half a character.", "Send valid Unicode text.")
    return message


def _thread_id(value: object) -> str:
    if not isinstance(value, str):
        raise Refusal(400, "The thread id is missing or no text.", "Send it as the string thread_id.")
    try:
        return check_id("thread", value)
    except UnsafeId as error:
        raise Refusal(400, f"The {error}.") from None
