"""What the chat app answers to whom: tokens, threads of others, answers at once and in pieces, and its other pages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from zepguard.drills.scraped import Scraped
from zepguard.worlds.world import World, WorldError

__all__ = ["app_answers", "pages_answer"]

_LENGTH = re.compile(r"(\d+) characters")
_DELIVERED_S = 5.0


def app_answers(world: World, _: Scraped, table: Sequence[Sequence[str]]) -> None:
    """One request a row: status, and how the reply or the refusal begins; ``memory`` is the note's status and use, and
    its mode if one is named.

    ``who`` is nobody (no token), a person, or ``NAME with an old token`` (forged, endless); ``as`` is JSON, stream or
    cut stream. A stream is whole: tokens, then ``done``, and the tokens are the reply; a cut one has tokens, then
    ``error``. Whoever is told to come again is told when.

    Raises:
        AssertionError: it answers otherwise.
        WorldError: this is not world sim.
    """
    _in_sim(world)
    names, *rows = table
    for cells in rows:
        _answers(world, dict(zip(names, cells, strict=True)))
    world.wait(_DELIVERED_S)
    world.saw(f"{len(rows)} requests answered as they should be")


def _answers(world: World, row: Mapping[str, str]) -> None:
    from zepguard.worlds.sim.asking import ask  # needs Django

    person, *token = re.split(r" with an? (\w+) token", row["who"])
    length = _LENGTH.fullmatch(row["sends"])
    try:
        answer = ask(
            "x" * int(length[1]) if length else row["sends"],
            person="" if person == "nobody" else world.thread_id(person),
            thread_id=world.thread_id(row["thread"]),
            stream=row["as"] != "JSON",
            token=token[0] if token else "good",
        )
    except ValueError as error:
        raise AssertionError(f"{row['who']} cannot read the answer: {error}") from error
    assert answer.status == int(row["status"]), f"{row['who']} gets {answer.status}: {dict(answer.told)}"
    said = str(answer.told.get("reply", answer.told.get("error", "")))
    assert said.startswith(row["says"]), f"{row['who']} reads {said!r}"
    assert bool(answer.frames) is (row["as"] != "JSON" and answer.status == 200), f"{row['who']} gets {answer.frames}"
    if answer.frames:
        last = "error" if row["as"] == "cut stream" else "done"
        events = [event for event, _ in answer.frames]
        assert events == ["token"] * (len(events) - 1) + [last], f"the stream has {events}"
        tokens = "".join(str(told["text"]) for event, told in answer.frames if event == "token")
        assert tokens == said or last == "error", f"the tokens are {tokens!r}, and the reply {said!r}"
        kept = [answer.headers.get(name) for name in ("Cache-Control", "X-Accel-Buffering")]
        assert kept == ["no-cache", "no"], f"a proxy may hold the stream back: {dict(answer.headers)}"
    _says_what_to_do(answer.status, answer.headers, answer.told)
    if row["memory"]:
        note = answer.told["memory"]
        told = f"{note['status']}, {'used' if note['used'] else 'not used'} in {note['mode']}"
        assert row["memory"] in (told, told.partition(" in ")[0]), note


def _says_what_to_do(status: int, headers: Mapping[str, str], told: Mapping[str, object]) -> None:
    if status == 503:
        assert int(headers.get("Retry-After", "0")) >= 1, f"a 503 does not say when to come again: {dict(headers)}"
    elif status == 401:
        assert headers.get("WWW-Authenticate") == "Bearer", f"a 401 does not say what it wants: {dict(headers)}"
    elif status == 200 and "error" in told:
        again_s = told.get("retry_after_s")
        assert isinstance(again_s, int), f"a cut stream does not say when to come again: {dict(told)}"
        assert again_s >= 1, f"a cut stream does not say when to come again: {dict(told)}"
    if status in (413, 503):
        assert told.get("remedy"), f"a {status} has no remedy: {dict(told)}"


def pages_answer(world: World, _: Scraped, table: Sequence[Sequence[str]]) -> None:
    """One request a row: ``GET /path``, the status, and what the answer has.

    ``token`` is the one that is shown, if any, and ``set`` that of ``CHATAPP_METRICS_TOKEN``.

    Raises:
        AssertionError: it answers otherwise.
        WorldError: this is not world sim.
    """
    _in_sim(world)
    from django.test import override_settings  # needs Django

    from zepguard.worlds.sim.asking import look

    names, *rows = table
    for cells in rows:
        row = dict(zip(names, cells, strict=True))
        method, path = row["asked"].split()
        with override_settings(CHATAPP_METRICS_TOKEN=row["set"]):
            answer = look(method, path, token=row["token"])
        told = str(dict(answer.told))[:200]
        assert answer.status == int(row["status"]), f"{row['asked']} gets {answer.status}: {told}"
        assert row["has"] in " ".join(map(str, answer.told.values())), f"{row['asked']} gets {told}"
    world.saw(f"{len(rows)} requests answered as they should be")


def _in_sim(world: World) -> None:
    if world.name != "sim":
        raise WorldError(f"void: strangers cannot be played in world {world.name}; tag the scenario sim-only")
