"""One request to world sim's chat app as anybody may send it: with whichever token, answered at once or in pieces.

It goes through the web's own ASGI layers, which a test client of Django leaves out.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

__all__ = ["Answer", "ask", "look"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came: status, headers, the JSON body or the last event's data, and of a stream its frames as they came.

    A body of another kind is under ``text``.
    """

    status: int
    headers: Mapping[str, str]
    told: Mapping[str, Any]
    frames: tuple[tuple[str, Mapping[str, Any]], ...] = field(default=())


def ask(message: str, *, person: str, thread_id: str, stream: bool, token: str = "good") -> Answer:
    """POST a message in the open world sim.

    Args:
        message: what is said.
        person: whose token is shown; without one if empty.
        thread_id: as the app knows it.
        stream: ask for server-sent events.
        token: ``good``, ``old`` (of two hours ago, for one), ``endless`` (without an end) or ``forged``.

    Raises:
        ValueError: the answer is neither JSON nor whole frames of JSON.
    """
    return look(
        "POST",
        "/api/chat/",
        body={"message": message, "thread_id": thread_id},
        token=_token(person, token) if person else "",
        accept="text/event-stream;q=1.0, application/json" if stream else "application/json",
    )


def look(
    method: str, path: str, *, token: str = "", accept: str = "*/*", body: Mapping[str, str] | None = None
) -> Answer:
    """Ask the open world sim for one of its pages.

    Raises:
        ValueError: a stream has a frame that is not whole.
    """
    from asgiref.sync import async_to_sync

    headers = {"Accept": accept, **({"Authorization": f"Bearer {token}"} if token else {})}

    async def sent() -> httpx.Response:
        from chatapp.asgi import application

        transport = httpx.ASGITransport(app=application)  # type: ignore[arg-type]  # httpx has a wider scope
        async with httpx.AsyncClient(transport=transport, base_url="http://web.sim") as client:
            return await client.request(method, path, headers=headers, json=body)

    return _answer(async_to_sync(sent)())


def _answer(response: httpx.Response) -> Answer:
    kind = response.headers.get("content-type", "")
    frames = _frames(response.content) if kind.startswith("text/event-stream") else ()
    told = frames[-1][1] if frames else _told(response.text, kind)
    return Answer(status=response.status_code, headers=response.headers, told=told, frames=frames)


def _told(text: str, kind: str) -> Mapping[str, Any]:
    return dict(json.loads(text)) if kind == "application/json" else {"text": text}


def _token(person: str, kind: str) -> str:
    import jwt

    from zepguard.worlds.sim.app import JWT_SECRET

    made = int(time.time()) - (7200 if kind == "old" else 0)
    ends = {} if kind == "endless" else {"exp": made + 3600}
    secret = "a stranger's own: long enough, and not ours" if kind == "forged" else JWT_SECRET
    return jwt.encode({"sub": person, "iat": made, **ends}, secret, algorithm="HS256")


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
