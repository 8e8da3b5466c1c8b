"""What is heard of an answer, and when the first token was."""

from __future__ import annotations

import json
from itertools import count

import pytest

from chatapp.agent import APOLOGY
from zepguard.load.hearing import Heard, hear

MEMORY = {"mode": "read_write", "status": "fresh", "detail": "", "used": True}


def frame(event: str, **fields: object) -> bytes:
    return f"event: {event}\ndata: {json.dumps(fields)}\n\n".encode()


def heard(*frames: bytes) -> Heard:
    ticks = count(1)
    return hear(frames, lambda: float(next(ticks)))


def test_the_first_token_is_timed_and_not_what_comes_before_or_after() -> None:
    moments = iter([1.5, 99.0])
    asked: list[float] = []

    def clock() -> float:
        asked.append(next(moments))
        return asked[-1]

    frames = [frame("started"), b": a comment\n\n", frame("token", text="You"), frame("token", text=" wrote")]
    found = hear([*frames, frame("done", reply="You wrote", memory=MEMORY)], clock)
    assert found == Heard(first_token_s=1.5, mode="read_write", memory="fresh", error="")
    assert asked == [1.5]


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
