"""What the SDK makes of each answer that is none, from real servers: one named failure each, no broken connection."""

from __future__ import annotations

import gzip
import json
import socket
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from guard.core.table import Outcome
from guard.zep.body import BODY_BYTES_MAX, Body, UnreadableBody
from guard.zep.calls import OutgoingMessage

GOOD_BODY = b'{"context": "tea"}'


def http(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


JSON = "Content-Type: application/json"
GOOD = http(GOOD_BODY, JSON)
GZIP = "Content-Encoding: gzip"
BOMB = gzip.compress(b'{"context": "' + b"x" * (BODY_BYTES_MAX * 20) + b'"}')

WRONG_SHAPES = {
    "an empty body": http(b"", JSON),
    "no body and no length": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    "null": http(b"null", JSON),
    "a list": http(b'["context"]', JSON),
    "a string": http(b'"context"', JSON),
    "a number": http(b"5", JSON),
    "another object": http(b'{"maintenance": true}', JSON),
    "the body of an error": http(b'{"message": "come back later"}', JSON),
    "a number as context": http(b'{"context": 5}', JSON),
    "a list as context": http(b'{"context": ["tea"]}', JSON),
    "an object as context": http(b'{"context": {"text": "tea"}}', JSON),
    "NaN as context": http(b'{"context": NaN}', JSON),
    "HTML": http(b"<html>hello</html>", "Content-Type: text/html"),
    "a body cut by its length": http(GOOD_BODY, JSON, length=9),
    "UTF-8 that is none": http(b'{"context": "\xff\xfe"}', JSON),
    "UTF-16 with half a pair": http(b'\xff\xfe{\x00\x00\xd8"\x00', JSON),
    "gzip that is none": http(GOOD_BODY, JSON, GZIP),
    "half a gzip": http(gzip.compress(GOOD_BODY * 50)[:30], JSON, GZIP),
    "a gzip bomb": http(BOMB, JSON, GZIP),
    "an encoding nobody asked for": http(GOOD_BODY, JSON, "Content-Encoding: br"),
    "two encodings": http(GOOD_BODY, JSON, "Content-Encoding: gzip, gzip"),
    "deep lists": http(b"[" * 200_000 + b"]" * 200_000, JSON),
    "deep objects": http(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, JSON),
    "a number of 100,000 digits": http(b'{"context": ' + b"1" * 100_000 + b"}", JSON),
    "too much, announced": http(b"", JSON, length=BODY_BYTES_MAX + 1),
    "too much by far, announced": http(b"", JSON, length=10**19),
    "too much, not announced": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b" " * (BODY_BYTES_MAX + 1),
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "206": http(b'{"context', JSON, status="206 Partial Content"),
    "304": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "a redirect": http(b"", "Location: /api/v2/threads/t/context", status="302 Found"),
    "a redirect to itself": http(b"", "Location: ", status="307 Temporary Redirect"),
}

CONNECTIONS = {
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half a body": http(GOOD_BODY[:9], JSON, length=len(GOOD_BODY)),
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n12\r\n{",
    "a chunk of no size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{",
    "a length that is none": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "no HTTP": b"SSH-2.0-OpenSSH_9.9\r\n",
    "a head of 10 MB": b"HTTP/1.1 200 OK\r\nX-Large: " + b"x" * 10_000_000,
    "switching protocols": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
}


@pytest.mark.parametrize("case", WRONG_SHAPES)
def test_a_whole_answer_of_the_wrong_shape_is_named_so(
    case: str, connect: Callable[..., Any], answering: Callable[..., Any], failure_of: Callable[..., Any]
) -> None:
    """And a connection that could hold the rest of it is not used again: the next read gets its own answer."""
    answer = WRONG_SHAPES[case]
    server = answering(answer, GOOD, closes=b"Connection: close" in answer)
    way = connect(server.url)
    failure = failure_of(lambda: way.read_context("t"))
    assert (failure.outcome, failure.ambiguous) == (Outcome.WRONG_SHAPE, True)
    assert ("larger than" in str(failure)) is (case.startswith("too much") or case == "a gzip bomb")
    assert way.read_context("t").text == "tea"


@pytest.mark.parametrize("case", CONNECTIONS)
def test_an_answer_that_breaks_off_is_a_failed_connection(
    case: str, connect: Callable[..., Any], answering: Callable[..., Any], failure_of: Callable[..., Any]
) -> None:
    server = answering(CONNECTIONS[case], GOOD, closes=True)
    way = connect(server.url)
    failure = failure_of(lambda: way.read_context("t"))
    assert (failure.outcome, failure.ambiguous) == (Outcome.CONNECTION, True)
    assert "SSH" not in str(failure)  # what a stranger sent stays out of logs
    assert way.read_context("t").text == "tea"


@pytest.mark.parametrize("case", ["half a head", "half a body", "half a chunk"])
def test_an_answer_that_stops_half_way_is_a_timeout(
    case: str, connect: Callable[..., Any], answering: Callable[..., Any], failure_of: Callable[..., Any]
) -> None:
    server = answering(CONNECTIONS[case], GOOD)
    way = connect(server.url, timeout_s=1.0)  # the second read has no longer, on a busy machine too
    failure = failure_of(lambda: way.read_context("t"))
    assert (failure.outcome, failure.ambiguous) == (Outcome.TIMEOUT, True)
    assert way.read_context("t").text == "tea"
    assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        GOOD,
        http(gzip.compress(GOOD_BODY), JSON, GZIP),
        http(GOOD_BODY, JSON, "Content-Encoding: identity"),
        http(b'{"context": "tea", "score": NaN, "new": [1]}', JSON),
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + GOOD,
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{"\r\n10\r\ncontext": "tea"}\r\n0\r\n\r\n',
    ],
)
def test_an_answer_is_an_answer_however_it_is_packed(
    answer: bytes, connect: Callable[..., Any], answering: Callable[..., Any]
) -> None:
    server = answering(answer)
    way = connect(server.url)
    assert [way.read_context("t").text for _ in range(3)] == ["tea"] * 3
    assert server.connections == 1


@pytest.mark.parametrize("body", [b"{}", b'{"context": null}', b'{"context": ""}'])
def test_no_context_is_an_answer(body: bytes, connect: Callable[..., Any], answering: Callable[..., Any]) -> None:
    """Contract, section 7: empty or absent when nothing is known."""
    answer = connect(answering(http(body, JSON)).url).read_context("t")
    assert (answer.text, answer.found) == ("", True)


def test_half_a_character_in_a_context_is_replaced(connect: Callable[..., Any], answering: Callable[..., Any]) -> None:
    """Neither prompt nor store could be encoded with it: one such thread took its workers off the store."""
    answer = connect(answering(http(b'{"context": "tea \\ud83d at \\ud83c\\udf75 five"}', JSON)).url).read_context("t")
    assert answer.text == "tea \ufffd at \U0001f375 five"


@pytest.mark.parametrize("rest", [b"\n", b"\r\n", b" ", b"x" * 100, GOOD, http(b'{"context": "of another"}', JSON)])
def test_what_a_server_sends_beyond_its_answer_is_nobodys_answer(
    rest: bytes, connect: Callable[..., Any], serve: Callable[..., Any], read_request: Callable[..., bytes]
) -> None:
    """A length that is too small: the next call on that connection would read the rest."""

    def handle(connection: socket.socket, server: Any) -> None:
        while read_request(connection):
            connection.sendall(http(json.dumps({"context": str(server.connections)}).encode(), JSON) + rest)

    way = connect(serve(handle).url)
    assert [way.read_context("t").text for _ in range(3)] == ["1", "2", "3"]


@pytest.mark.parametrize("body", [b'{"maintenance": true}', b"null", b"[]", b"<html>", b""])
def test_a_write_that_was_not_answered_as_one_is_unsure(
    body: bytes,
    connect: Callable[..., Any],
    answering: Callable[..., Any],
    failure_of: Callable[..., Any],
    message: OutgoingMessage,
) -> None:
    """Taken for a success the message would be lost."""
    way = connect(answering(http(body, JSON)).url)
    for write in (
        lambda: way.add_messages("t", [message]),
        lambda: way.ensure_user("u"),
        lambda: way.ensure_thread("t", "u"),
        lambda: way.delete_user("u"),
    ):
        failure = failure_of(write)
        assert (failure.outcome, failure.ambiguous) == (Outcome.WRONG_SHAPE, True)


@pytest.mark.parametrize("body", [b"{}", b'{"maintenance": true}', b"null", b"[]", b'{"messages": [5]}'])
def test_a_page_that_is_none_is_no_empty_thread(
    body: bytes, connect: Callable[..., Any], answering: Callable[..., Any], failure_of: Callable[..., Any]
) -> None:
    """Taken for one it would send a message twice."""
    way = connect(answering(http(body, JSON)).url)
    assert failure_of(lambda: way.newest_messages("t", 5)).outcome is Outcome.WRONG_SHAPE


@pytest.mark.parametrize("body", [b'{"messages": null}', b'{"row_count": 0, "total_count": 0}', b'{"messages": []}'])
def test_an_empty_thread_has_no_messages(
    body: bytes, connect: Callable[..., Any], answering: Callable[..., Any]
) -> None:
    assert connect(answering(http(body, JSON)).url).newest_messages("t", 5) == []


@pytest.mark.parametrize(
    ("answer", "deleted"),
    [
        (http(b'{"message": "ok"}', JSON), True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (http(b'{"message": "not found"}', JSON, status="404 Not Found"), True),
        (http(b"404 page not found", "Content-Type: text/plain", status="404 Not Found"), True),
        (http(b"<html>", status="200 OK"), False),
        (http(b"{}", JSON, status="500 Internal Server Error"), False),
        (http(b"unauthorized", status="401 Unauthorized"), False),
    ],
)
def test_a_user_is_deleted_if_zep_says_so_or_has_none(
    answer: bytes,
    deleted: bool,
    connect: Callable[..., Any],
    answering: Callable[..., Any],
    failure_of: Callable[..., Any],
) -> None:
    way = connect(answering(answer).url)
    if deleted:
        assert way.delete_user("u") is None
    else:
        failure_of(lambda: way.delete_user("u"))


def test_a_gzip_bomb_is_not_unpacked_beyond_the_limit() -> None:
    body = Body(encoding="gzip", announced="")
    body.add(BOMB)
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableBody, match="larger than"):
            body.whole()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < BODY_BYTES_MAX * 4
