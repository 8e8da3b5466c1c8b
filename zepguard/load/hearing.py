"""What a person hears of a turn: the frames of the chat app's event stream, and when the first token came."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from chatapp.agent import APOLOGY

__all__ = ["Heard", "hear"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """How an answer came; ``first_token_s`` by the clock that was given, ``error`` empty for a whole answer."""

    first_token_s: float | None
    mode: str
    memory: str
    error: str


def hear(frames: Iterable[bytes], clock: Callable[[], float]) -> Heard:
    """Listen to an answer up to its end.

    Args:
        frames: the stream, cut after each empty line; an iteration may wait for the next.
        clock: gives seconds; asked when the first ``token`` frame is there, whatever comes before it.
    """
    first_token_s: float | None = None
    note: dict[str, Any] = {}
    error = "the stream ended without an answer"
    for frame in frames:
        event, fields = _frame(frame)
        if event == "token" and first_token_s is None:
            first_token_s = clock()
        elif event == "done":
            note = fields.get("memory", {})
            error = "apology" if fields.get("reply") == APOLOGY else ""
        elif event == "error":
            error = str(fields.get("error", "error"))
    memory = f"{note.get('status', '')} {note.get('detail', '')}".strip()
    return Heard(first_token_s=first_token_s, mode=str(note.get("mode", "")), memory=memory, error=error)


def _frame(frame: bytes) -> tuple[str, dict[str, Any]]:
    event, data = "", ""
    for line in frame.decode("utf-8", "replace").splitlines():
        name, _, value = line.partition(":")
        if name == "event":
            event = value.strip()
        elif name == "data":
            data += value
    fields = json.loads(data) if data.strip() else {}
    return event, fields if isinstance(fields, dict) else {}
