"""Who says what, and when: chats of several turns, drawn from a seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from zepguard.soak.scenarios import Scenario

__all__ = ["PERSONS", "Message", "messages"]

PERSONS = 200
"""Each with a thread: a delivery of unknown fate holds its thread back for half a minute, and no other."""

_WISHES = ("a flat by the sea", "two bedrooms please", "not too high", "one in Girne", "show me more")
_SHAKEN = 0.3  # of a gap, either way
_QUIET_AT_THE_END_S = 60.0  # so that what is under way can be delivered


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One message, ``at`` seconds after the beginning."""

    at: float
    person: str
    text: str


def messages(scenario: Scenario, rng: random.Random) -> Iterator[Message]:
    """Give a scenario's messages in order of time: as many as it says, in chats that begin evenly but for some shaking.

    Two chats under way at once are of two persons.
    """
    chat_every_s = scenario.turns * scenario.message_every_s
    ends = scenario.hours * 3600 - _QUIET_AT_THE_END_S
    open_chats: list[Message] = []
    for number in range(int(scenario.hours * 3600 / chat_every_s)):
        begins = (number + 0.5 + rng.uniform(-_SHAKEN, _SHAKEN)) * chat_every_s
        open_chats += _chat(scenario, f"person-{number % PERSONS}", begins, rng)
        open_chats.sort(key=lambda one: one.at)
        settled = (number + 1.5 - _SHAKEN) * chat_every_s
        while open_chats and open_chats[0].at < min(settled, ends):
            yield open_chats.pop(0)
    yield from (one for one in open_chats if one.at < ends)


def _chat(scenario: Scenario, person: str, begins: float, rng: random.Random) -> Iterator[Message]:
    at = begins
    for turn in range(1, scenario.turns + 1):
        yield Message(at=at, person=person, text=_WISHES[(turn - 1) % len(_WISHES)])
        at += scenario.gap_s * (1 + rng.uniform(-_SHAKEN, _SHAKEN))
