"""What the server saw and did, one entry a request, for assertions. No content and no key is kept here."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fakezep.core._wire import Json


class JournalMessage(NamedTuple):
    """A sent message without its content; ``uuid`` is None when it was not stored."""

    role: str | None
    metadata: Mapping[str, Json] | None
    uuid: str | None = None


class JournalEntry(NamedTuple):
    """One request. ``at`` is the unix second of arrival.

    ``status`` is None when no answer is sent, or not yet. ``applied`` says that a write was done. ``fault``
    is the kind that hit. ``duration_s`` is the planned wait until the answer has left, then the measured one.
    """

    seq: int
    at: float
    method: str
    path: str
    route: str | None
    status: int | None = None
    applied: bool = False
    fault: str | None = None
    user_id: str | None = None
    thread_id: str | None = None
    key_ok: bool = False
    messages: tuple[JournalMessage, ...] = ()
    duration_s: float = 0.0

    def as_json(self) -> Json:
        """As the admin API shows it."""
        return {**self._asdict(), "messages": [message._asdict() for message in self.messages]}


class Journal:
    """The newest entries, in order of arrival. Numbers go up for ever, also over a `clear`."""

    def __init__(self, entries_max: int) -> None:
        self._entries_max = entries_max
        self._entries: dict[int, JournalEntry] = {}
        self.last = 0
        self.dropped = 0
        """Entries lost to the bound since the last `clear`."""

    def open(self, **seen: Any) -> JournalEntry:
        """Note a request; takes the fields of `JournalEntry` but ``seq``."""
        self.last += 1
        entry = JournalEntry(seq=self.last, **seen)
        self._entries[entry.seq] = entry
        if len(self._entries) > self._entries_max:
            del self._entries[next(iter(self._entries))]
            self.dropped += 1
        return entry

    def get(self, seq: int) -> JournalEntry | None:
        """The entry of that number, unless it was cleared or pushed out."""
        return self._entries.get(seq)

    def amend(self, seq: int, **changes: Any) -> None:
        """Change fields of an entry; nothing happens if it is gone."""
        entry = self._entries.get(seq)
        if entry is not None:
            self._entries[seq] = entry._replace(**changes)

    def since(self, seq: int) -> Sequence[JournalEntry]:
        """The entries with a number above ``seq``, oldest first."""
        first = next(iter(self._entries), self.last + 1)
        wanted = range(max(seq + 1, first), self.last + 1)
        return [self._entries[number] for number in wanted if number in self._entries]

    def clear(self) -> None:
        """Forget all entries; the numbering goes on."""
        self._entries.clear()
        self.dropped = 0
