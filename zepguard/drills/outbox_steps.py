"""The steps about the outbox: dead letters, copies in Zep, and a person who is forgotten."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from pytest_bdd import parsers

from zepguard.drills.phrases import then, when
from zepguard.worlds.world import CommandResult, World, WorldError

__all__ = ["Forgets", "KeepsMessages", "outbox_of"]


@runtime_checkable
class KeepsMessages(Protocol):
    """A world whose outbox can be looked into."""

    def is_in_outbox(self, text: str) -> bool:
        """Whether a row or a dead letter has the text, delivered ones too."""


@runtime_checkable
class Forgets(Protocol):
    """A world in which an operator can delete the person who chats."""

    def forget_person(self) -> CommandResult:
        """Run ``zep_mode --forget-user`` for the person; what they said before need not be delivered any more."""


def outbox_of(world: World) -> KeepsMessages:
    """The world, if its outbox can be looked into.

    Raises:
        WorldError: it cannot.
    """
    if not isinstance(world, KeepsMessages):
        raise WorldError(f"void: the outbox of world {world.name} cannot be looked into")
    return world


@when(parsers.re(r'Zep refuses each message with "(?P<content>[^"]+)", status (?P<status>4\d\d)'))
def message_refused(world: World, content: str, status: str) -> None:
    """Every write with such a message, and nothing else."""
    world.start_fault("message-refused", content=content, status=int(status))


@then(
    parsers.re(
        r'within (?P<limit>\d+) s Zep holds "(?P<content>[^"]+)" of thread "(?P<thread>[^"]+)" (?P<count>\d+) times?'
        r'(, dated (?P<gap>\d+) s or more after "(?P<earlier>[^"]+)")?'
    )
)
def copies_held(
    world: World, limit: str, content: str, thread: str, count: str, gap: str | None, earlier: str | None
) -> None:
    """So many messages of the person say that, sooner or later; and as they were said, not as they came to Zep."""
    patience = world.within(float(limit))
    while len(copies := _copies(world, thread, content)) < int(count):
        assert patience.left(), f"Zep holds {content!r} {len(copies)} times after {limit} s"
    assert len(copies) == int(count), f"Zep holds {content!r} {len(copies)} times"
    world.saw(f"Zep holds {content!r} {len(copies)} times")
    if gap is not None and earlier is not None:
        later_s = copies[0] - _copies(world, thread, earlier)[0]
        assert later_s >= world.held_s(float(gap)), f"Zep dates {content!r} {later_s:.1f} s after {earlier!r}"
        world.saw(f"Zep dates {content!r} {later_s:.1f} s after {earlier!r}")


def _copies(world: World, thread: str, content: str) -> list[float]:
    """When each was said."""
    return [one.at for one in world.stored_messages(thread) if (one.role, one.content) == ("user", content)]


@then(parsers.re(r'within (?P<limit>\d+) s thread "(?P<thread>[^"]+)" has a dead letter, (?P<reason>.+)'))
@then(parsers.re(r'thread "(?P<thread>[^"]+)" has no dead letter(?P<limit>)(?P<reason>)'))
def dead_letter(world: World, thread: str, limit: str, reason: str) -> None:
    """One and no more, as ``zep_mode --outbox`` shows it, with its reason; or none."""
    patience = world.within(float(limit or 0))
    while not (letters := _letters(world, thread)) and reason:
        assert patience.left(), f"zep_mode --outbox shows no dead letter of {thread} after {limit} s"
    assert [letter["reason"] for letter in letters] == ([reason] if reason else [])
    if reason:
        number, text = letters[0]["letter"], world.zep_mode("--outbox").text
        assert any(line.startswith(f"  {number}: ") and line.endswith(reason) for line in text.splitlines()), text
    world.saw(f"dead letter: {reason}" if reason else f"no dead letter of {thread}")


@when(parsers.re(r'an operator (?P<does>sends|drops) the dead letter of thread "(?P<thread>[^"]+)"( again)?'))
def letter_acted_on(world: World, does: str, thread: str) -> None:
    """By the number that ``zep_mode --outbox`` shows."""
    (letter,) = _letters(world, thread)
    done = world.zep_mode("--outbox", "--resend" if does == "sends" else "--drop", str(letter["letter"]))
    assert done.code == 0, done.text


def _letters(world: World, thread: str) -> Sequence[Mapping[str, Any]]:
    told = world.zep_mode("--outbox", "--json")
    assert told.code == 0, told.text
    wanted = world.thread_id(thread)
    return [one for one in json.loads(told.text)["dead_letters"] if one["thread_id"] == wanted]


@when(parsers.re(r"an operator forgets the person(, and it ends with (?P<code>\d))?"))
def person_forgotten(world: World, code: str | None) -> None:
    """All of it, or the command ends with 1."""
    if not isinstance(world, Forgets):
        raise WorldError(f"void: nobody is deleted in world {world.name}")
    done = world.forget_person()
    assert done.code == int(code or 0), done.text
    world.saw(done.text)
