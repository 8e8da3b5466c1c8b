"""The time to first byte is that of the first token, not of the head or of a comment before it."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from chatapp.metrics import AGENT_LATENCY
from chatapp.web.first_token import FirstToken

START = {"type": "http.response.start", "status": 200, "headers": [(b"Content-Type", b"text/event-stream")]}
JSON_START = {"type": "http.response.start", "status": 200, "headers": [(b"Content-Type", b"application/json")]}


def body(text: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.response.body", "body": text, "more_body": more}


def observed(
    *script: float | dict[str, Any], path: str = "/api/chat/", pieces: tuple[float, ...] = (0.0,)
) -> list[float]:
    """Run an application that lets time pass (numbers) and sends (messages); gives what was observed.

    ``pieces``: how long each piece of the request's body takes to come.
    """
    now = 100.0
    seen: list[float] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal now
        while (await receive())["more_body"]:
            pass
        for step in script:
            if isinstance(step, float):
                now += step
            else:
                await send(step)

    waits = list(pieces)

    async def receive() -> dict[str, Any]:
        nonlocal now
        now += waits.pop(0)
        return {"type": "http.request", "body": b"x", "more_body": bool(waits)}

    async def send(message: Any) -> None:
        pass

    measured: Any = FirstToken(app, path="/api/chat/", observe=seen.append, clock=lambda: now)  # type: ignore[arg-type]
    asyncio.run(measured({"type": "http", "path": path}, receive, send))
    return [round(s, 6) for s in seen]


def test_neither_head_nor_comment_nor_other_event_is_a_token() -> None:
    assert observed(
        0.1, START, 0.2, body(b": hello\n\n"), 0.3, body(b"event: reset\ndata: {}\n\n"), 0.4, body(b"event: token\n")
    ) == [1.0]


def test_only_the_first_token_counts() -> None:
    assert observed(START, 0.1, body(b"event: token\n"), 0.1, body(b"event: token\n")) == [0.1]


def test_the_request_ends_with_its_last_byte() -> None:
    assert observed(0.25, START, body(b"event: token\n"), pieces=(1.0, 5.0)) == [0.25]


def test_of_a_json_answer_the_body_counts() -> None:
    assert observed(JSON_START, 0.2, body(b"{}", more=False)) == [0.2]


@pytest.mark.parametrize("status", [400, 404, 503])
def test_an_answer_that_is_no_answer_is_not_measured(status: int) -> None:
    assert observed(JSON_START | {"status": status}, body(b"{}", more=False)) == []


def test_other_paths_are_not_measured() -> None:
    assert observed(JSON_START, body(b"{}", more=False), path="/healthz") == []


def test_edges_are_at_most_25_ms_apart_from_50_ms_to_1500_ms() -> None:
    edges = [edge for edge in AGENT_LATENCY._upper_bounds if 0.05 <= edge <= 1.5]
    assert (edges[0], edges[-1]) == (0.05, 1.5)
    assert all(after - before <= 0.0250001 for before, after in pairwise(edges))
