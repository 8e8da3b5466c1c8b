"""One request to world sim's chat app as anybody may send it: with whichever token, answered at once or in pieces."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Answer", "ask"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came: the status, the JSON body or the last event's data, and of a stream its frames as they came."""

    status: int
    told: Mapping[str, Any]
    frames: tuple[tuple[str, Mapping[str, Any]], ...] = field(default=())


def ask(message: str, *, person: str, thread_id: str, stream: bool, token_age_s: float = 0.0) -> Answer:
    """POST a message in the open world sim.

    Args:
        message: what is said.
        person: whose token is shown; without one if empty.
        thread_id: as the app knows it.
        stream: ask for server-sent events.
        token_age_s: seconds since the token was made, which lasts an hour.

    Raises:
        ValueError: the answer is neither JSON nor whole frames of JSON.
    """
    from asgiref.sync import async_to_sync
    from django.test import AsyncClient

    headers = {"Accept": "text/event-stream" if stream else "application/json"}
    if person:
        headers["Authorization"] = f"Bearer {_token(person, token_age_s)}"

    async def sent() -> Answer:
        answer: Any = await AsyncClient(raise_request_exception=False).post(
            "/api/chat/",
            data=json.dumps({"message": message, "thread_id": thread_id}),
            content_type="application/json",
            headers=headers,
        )
        if not answer.streaming:
            return Answer(status=answer.status_code, told=json.loads(answer.content))
        frames = _frames(b"".join([piece async for piece in answer.streaming_content]))
        return Answer(status=answer.status_code, told=frames[-1][1], frames=frames)

    answer: Answer = async_to_sync(sent)()
    return answer


def _token(person: str, age_s: float) -> str:
    import jwt

    from zepguard.worlds.sim.app import JWT_SECRET

    made = int(time.time() - age_s)
    return jwt.encode({"sub": person, "iat": made, "exp": made + 3600}, JWT_SECRET, algorithm="HS256")


def _frames(body: bytes) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    *frames, rest = body.decode().split("\n\n")
    if rest or not frames:
        raise ValueError(f"the stream ends with {rest!r}, and not with a whole frame")
    return tuple(_frame(frame) for frame in frames)


def _frame(text: str) -> tuple[str, Mapping[str, Any]]:
    fields = [line.partition(": ") for line in text.split("\n")]
    if [name for name, _, _ in fields] != ["event", "data"]:
        raise ValueError(f"{text!r} is no frame of one event and its data")
    (_, _, event), (_, _, data) = fields
    told: Mapping[str, Any] = json.loads(data)
    return event, told
