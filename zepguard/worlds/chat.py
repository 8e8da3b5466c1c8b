"""One chat turn over HTTP, as a person's client sends it and reads the answer."""

from __future__ import annotations

import time

import httpx

from zepguard.worlds.world import Turn

__all__ = ["post_turn"]


def post_turn(http: httpx.Client, url: str, *, token: str, message: str, thread: str, thread_id: str) -> Turn:
    """POST the message; a connection that fails is a turn with status 0.

    Args:
        http: the client to send it with.
        url: the chat endpoint.
        token: the person's JWT.
        message: what is said.
        thread: what the scenario calls the thread.
        thread_id: what the product calls it.
    """
    started = time.monotonic()
    headers = {"Authorization": f"Bearer {token}"}
    try:
        answer = http.post(url, json={"message": message, "thread_id": thread_id}, headers=headers)
    except httpx.HTTPError as error:
        took_s = time.monotonic() - started
        return Turn(message=message, thread=thread, status=0, reply=repr(error), took_s=took_s)
    return _turn(message, thread, answer, time.monotonic() - started)


def _turn(message: str, thread: str, answer: httpx.Response, took_s: float) -> Turn:
    try:
        body = answer.json()
    except ValueError:
        body = None
    told = body if isinstance(body, dict) else {}
    memory = told.get("memory")
    return Turn(
        message=message,
        thread=thread,
        status=answer.status_code,
        reply=str(told.get("reply", told.get("error", answer.text[:200]))),
        memory=memory if isinstance(memory, dict) else {},
        took_s=took_s,
    )
