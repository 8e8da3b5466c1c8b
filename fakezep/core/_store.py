"""The data of the fake: users, threads, messages and the facts made from them. In memory, no rule of HTTP."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from fakezep.core._wire import Json


def rfc3339(at: float) -> str:
    """Unix seconds as the vendor writes dates: ``2024-11-14T02:13:19.000000Z``."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(frozen=True, kw_only=True)
class User:
    """A user; ``fields`` are the optional ones the client gave (email, first_name, metadata, ...)."""

    user_id: str
    uuid: str
    graph_uuid: str
    number: int
    created_at: float
    updated_at: float
    fields: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Thread:
    """A thread of one user."""

    thread_id: str
    uuid: str
    user_id: str
    created_at: float


@dataclass(frozen=True, kw_only=True)
class Message:
    """A stored message. ``ready_at`` is the unix second from which it counts as processed."""

    uuid: str
    thread_id: str
    role: str
    content: str
    name: str | None
    metadata: Mapping[str, Json] | None
    created_at: float
    ready_at: float


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One thing known about a user, visible from ``ready_at`` on, true since ``valid_from``."""

    text: str
    message_uuid: str
    valid_from: float
    ready_at: float


class Store:
    """Users, threads, messages and facts.

    Callers check first and write then: a method that finds its subject missing raises KeyError, which is a
    fault of the fake and never of a client.
    """

    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self.threads: dict[str, Thread] = {}
        self._messages: dict[str, list[Message]] = {}
        self._places: dict[str, tuple[str, int]] = {}
        self._facts: dict[str, list[Fact]] = defaultdict(list)
        self._threads_of: dict[str, dict[str, None]] = defaultdict(dict)
        self._users_made = 0

    def put_user(self, user: User) -> None:
        """Store a new or changed user."""
        self.users[user.user_id] = user

    def next_user_number(self) -> int:
        """The number of the next new user, from 1."""
        self._users_made += 1
        return self._users_made

    def delete_user(self, user_id: str) -> None:
        """Remove a user with its threads, messages and facts (contract section 6, rule 6)."""
        del self.users[user_id]
        for thread in self.threads_of(user_id):
            self.delete_thread(thread.thread_id)
        self._threads_of.pop(user_id, None)
        self._facts.pop(user_id, None)

    def add_thread(self, thread: Thread) -> None:
        """Store a new thread without messages."""
        self.threads[thread.thread_id] = thread
        self._messages[thread.thread_id] = []
        self._threads_of[thread.user_id][thread.thread_id] = None

    def delete_thread(self, thread_id: str) -> None:
        """Remove a thread and its messages, but no fact (contract section 6, rule 6)."""
        thread = self.threads.pop(thread_id)
        for message in self._messages.pop(thread_id):
            del self._places[message.uuid]
        del self._threads_of[thread.user_id][thread_id]

    def threads_of(self, user_id: str) -> list[Thread]:
        """The user's threads, oldest first."""
        return [self.threads[thread_id] for thread_id in self._threads_of.get(user_id, ())]

    def add_messages(self, thread_id: str, messages: Sequence[Message]) -> None:
        """Append messages to a thread, all of them."""
        kept = self._messages[thread_id]
        for message in messages:
            self._places[message.uuid] = (thread_id, len(kept))
            kept.append(message)

    def messages_of(self, thread_id: str) -> Sequence[Message]:
        """The messages of a thread, oldest first. Read only."""
        return self._messages[thread_id]

    def message(self, uuid: str) -> Message | None:
        """One message by its server-made uuid, or None."""
        place = self._places.get(uuid)
        return None if place is None else self._messages[place[0]][place[1]]

    def set_metadata(self, uuid: str, metadata: Mapping[str, Json]) -> Message:
        """Give a message other metadata, and return the message."""
        thread_id, index = self._places[uuid]
        changed = replace(self._messages[thread_id][index], metadata=metadata)
        self._messages[thread_id][index] = changed
        return changed

    def add_fact(self, user_id: str, fact: Fact) -> None:
        """Note a fact about a user."""
        self._facts[user_id].append(fact)

    def facts_of(self, user_id: str) -> Sequence[Fact]:
        """All facts about a user in order of arrival, also those not ready yet. Read only."""
        return self._facts.get(user_id, ())
