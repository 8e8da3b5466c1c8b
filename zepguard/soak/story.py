"""What happened in a soak, besides its metrics: by the fake's journal, by the log, by the script."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

__all__ = ["Answer", "Happened", "Story", "Stretch"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """From ``began`` to ``ended``, unix seconds; ``kind`` is an incident's."""

    began: float
    ended: float
    kind: str = ""

    @property
    def lasts_s(self) -> float:
        """Seconds."""
        return self.ended - self.began

    def touches(self, others: Iterable[Stretch]) -> bool:
        """Whether any part of it is in one of the others."""
        return any(self.began < other.ended and other.began < self.ended for other in others)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A request that reached Zep, by its journal: when it came (unix seconds), and whether it was served well."""

    at: float
    good: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Happened:
    """A line of the log, ``at`` unix seconds."""

    at: float
    event: str
    reason: str

    @classmethod
    def read(cls, line: Mapping[str, Any]) -> Happened:
        """From the line's fields."""
        at = datetime.fromisoformat(str(line["timestamp"])).timestamp()
        return cls(at=at, event=str(line["event"]), reason=str(line.get("reason", "")))


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """All times are unix seconds, in order.

    Attributes:
        began: the first scrape's.
        ended: the last one's.
        scrape_s: seconds between two scrapes.
        messages: when each was sent.
        turns_failed: turns that ended in an error.
        troubles: the script's incidents, as they were.
        answers: all that Zep's journal has.
        log: the product's lines.
        undelivered: messages that Zep does not have at the end.
    """

    began: float
    ended: float
    scrape_s: float
    messages: tuple[float, ...]
    troubles: tuple[Stretch, ...]
    answers: tuple[Answer, ...]
    log: tuple[Happened, ...]
    undelivered: int

    @property
    def lasts_s(self) -> float:
        """Seconds."""
        return self.ended - self.began

    def real_troubles(self) -> tuple[Stretch, ...]:
        """The incidents in which Zep's journal shows that it did not serve: only those excuse anything."""
        bad = [one.at for one in self.answers if not one.good]
        return tuple(one for one in self.troubles if any(one.began <= at <= one.ended for at in bad))

    def between_troubles(self) -> Iterator[Stretch]:
        """The stretches in which Zep was healthy."""
        began = self.began
        for trouble in self.real_troubles():
            yield Stretch(began=began, ended=trouble.began)
            began = trouble.ended
        yield Stretch(began=began, ended=self.ended)
