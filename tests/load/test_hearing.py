"""What is heard of an answer, and when the first token was."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from chatapp.agent import APOLOGY
from zepguard.load.hearing import Heard, hear

MEMORY = {"mode": "read_write", "status": "fresh", "detail": "", "used": True}


def frame(event: str, **fields: object) -> bytes:
    return f"event: {event}\ndata: {json.dumps(fields)}\n\n".encode()


def heard(*frames: bytes) -> Heard:
    """What is heard of frames that come a second apart, the first at 1."""
    now = 0.0

    def coming() -> Iterator[bytes]:
        nonlocal now
        for one in frames:
            now += 1
            yield one

    return hear(coming(), lambda: now)


def test_the_first_token_is_timed_and_not_what_comes_before_or_after() -> None:
    found = heard(
        frame("started"),
        b": a comment\n\n",
        frame("token", text="You"),
        frame("token", text=" wrote"),
        frame("done", reply="You wrote", memory=MEMORY),
    )
    assert found == Heard(first_token_s=3, mode="read_write", memory="fresh", error="")


@pytest.mark.parametrize(
    ("frames", "error"),
    [
        ([], "the stream ended without an answer"),
        ([frame("token", text="You")], "the stream ended without an answer"),
        ([frame("token", text="You"), frame("error", error="The answer was cut.")], "The answer was cut."),
        ([frame("token", text="I"), frame("done", reply=APOLOGY, memory=MEMORY)], "apology"),
    ],
)
def test_what_is_no_whole_answer_is_an_error(frames: list[bytes], error: str) -> None:
    found = heard(*frames)
    assert found.error == error
    assert (found.first_token_s is None) is (not frames)


def test_memory_that_was_skipped_says_why() -> None:
    note = {"mode": "off", "status": "skipped", "detail": "memory_share", "used": False}
    found = heard(frame("token", text="a"), frame("done", reply="a", memory=note))
    assert (found.mode, found.memory) == ("off", "skipped memory_share")
