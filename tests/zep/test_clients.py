"""The clients send a request once and as it is, and keep nothing of an answer for the next."""

import asyncio
from collections.abc import Callable

import httpx
import pytest

from guard.zep.clients import AsyncPlainClient, PlainClient

Get = Callable[[Callable[[httpx.Request], httpx.Response], int], list[httpx.Response]]


def by_threads(answer: Callable[[httpx.Request], httpx.Response], times: int) -> list[httpx.Response]:
    with PlainClient(httpx.MockTransport(answer), timeout_s=1.0, headers={"X-Ours": "1"}) as client:
        return [client.get("http://zep/a") for _ in range(times)]


def by_coroutines(answer: Callable[[httpx.Request], httpx.Response], times: int) -> list[httpx.Response]:
    async def get() -> list[httpx.Response]:
        async with AsyncPlainClient(httpx.MockTransport(answer), timeout_s=1.0, headers={"X-Ours": "1"}) as client:
            return [await client.get("http://zep/a") for _ in range(times)]

    return asyncio.run(get())


@pytest.fixture(params=[by_threads, by_coroutines])
def get(request: pytest.FixtureRequest) -> Get:
    way: Get = request.param
    return way


def test_a_cookie_is_not_sent_with_the_next_call(get: Get) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, headers={"Set-Cookie": "somebody=ada"}, json={})

    get(answer, 2)
    assert [one.headers.get("Cookie") for one in seen] == [None, None]
    assert {one.headers["X-Ours"] for one in seen} == {"1"}


def test_a_redirect_is_an_answer_and_is_not_followed(get: Get) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(307, headers={"Location": "http://elsewhere:bad port/"})

    (told,) = get(answer, 1)
    assert (told.status_code, asked) == (307, ["http://zep/a"])
    assert str(told.request.url) == "http://zep/a"


def test_an_answer_is_read_to_its_end(get: Get) -> None:
    (told,) = get(lambda _: httpx.Response(200, json={"context": "x"}), 1)
    assert told.is_closed
    assert told.json() == {"context": "x"}


def test_a_closed_client_sends_nothing() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200)

    client = PlainClient(httpx.MockTransport(answer), timeout_s=1.0, headers={})
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.get("http://zep/a")

    async def late() -> None:
        client = AsyncPlainClient(httpx.MockTransport(answer), timeout_s=1.0, headers={})
        await client.aclose()
        await client.get("http://zep/a")

    with pytest.raises(RuntimeError, match="closed"):
        asyncio.run(late())
    assert not asked


def test_an_answer_that_breaks_off_is_closed(get: Get) -> None:
    closed: list[bool] = []

    class Broken(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __iter__(self) -> object:  # type: ignore[override]
            yield b"{"
            raise httpx.ReadError("gone")

        async def __aiter__(self) -> object:  # type: ignore[override]
            yield b"{"
            raise httpx.ReadError("gone")

        def close(self) -> None:
            closed.append(True)

        async def aclose(self) -> None:
            closed.append(True)

    with pytest.raises(httpx.ReadError):
        get(lambda _: httpx.Response(200, stream=Broken()), 1)
    assert closed
