"""What the chat app answers to whom: tokens, threads of others, answers at once and in pieces."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from zepguard.drills.scraped import Scraped
from zepguard.worlds.world import World, WorldError

__all__ = ["app_answers"]

_LENGTH = re.compile(r"(\d+) characters")
_DELIVERED_S = 5.0
_TWO_HOURS_S = 7200.0


def app_answers(world: World, _: Scraped, table: Sequence[Sequence[str]]) -> None:
    """One request a row: status, and how the reply or the refusal begins; ``memory`` is the note's status and use.

    ``who`` is nobody (no token), a person, or ``NAME with an old token``; ``as`` is JSON or stream. A stream is whole:
    tokens, then ``done``, and the tokens are the reply.

    Raises:
        AssertionError: it answers otherwise.
        WorldError: this is not world sim.
    """
    if world.name != "sim":
        raise WorldError(f"void: strangers cannot be played in world {world.name}; tag the scenario sim-only")
    names, *rows = table
    for cells in rows:
        _answers(world, dict(zip(names, cells, strict=True)))
    world.wait(_DELIVERED_S)
    world.saw(f"{len(rows)} requests answered as they should be")


def _answers(world: World, row: Mapping[str, str]) -> None:
    from zepguard.worlds.sim.asking import ask  # needs Django

    person, old, _ = row["who"].partition(" with an old token")
    length = _LENGTH.fullmatch(row["sends"])
    try:
        answer = ask(
            "x" * int(length[1]) if length else row["sends"],
            person="" if person == "nobody" else world.thread_id(person),
            thread_id=world.thread_id(row["thread"]),
            stream=row["as"] == "stream",
            token_age_s=_TWO_HOURS_S if old else 0.0,
        )
    except ValueError as error:
        raise AssertionError(f"{row['who']} cannot read the answer: {error}") from error
    assert answer.status == int(row["status"]), f"{row['who']} gets {answer.status}: {dict(answer.told)}"
    said = str(answer.told.get("reply", answer.told.get("error", "")))
    assert said.startswith(row["says"]), f"{row['who']} reads {said!r}"
    if answer.frames:
        events = [event for event, _ in answer.frames]
        assert events == ["token"] * (len(events) - 1) + ["done"], f"the stream has {events}"
        tokens = "".join(str(told["text"]) for event, told in answer.frames if event == "token")
        assert tokens == said, f"the tokens are {tokens!r}, and the reply {said!r}"
    if row["memory"]:
        note = answer.told["memory"]
        assert f"{note['status']}, {'used' if note['used'] else 'not used'}" == row["memory"], note
