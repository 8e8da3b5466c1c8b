"""What happened in a soak, besides its metrics: by the fake's journal, by the log, by the script."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
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
    """A request that reached Zep, by its journal: when it came (unix seconds), and whether it was served well.

    ``took_s`` is how many seconds its caller waited: the deadline, where that came before the answer.
    """

    at: float
    good: bool
    took_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Happened:
    """A line of the log, ``at`` unix seconds; ``mode`` and ``operation`` where it names one."""

    at: float
    event: str
    reason: str
    mode: str = ""
    operation: str = ""

    @classmethod
    def read(cls, line: Mapping[str, Any]) -> Happened:
        """From the line's fields."""
        at = datetime.fromisoformat(str(line["timestamp"])).timestamp()
        named = {name: str(line.get(name, "")) for name in ("reason", "mode", "operation")}
        return cls(at=at, event=str(line["event"]), **named)


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """All times are unix seconds, in order.

    Attributes:
        began: the first scrape's.
        ended: the last one's.
        scrape_s: seconds between two scrapes.
        messages: when each was sent.
        troubles: the script's incidents, as they were.
        answers: all that Zep's journal has.
        log: the product's lines.
        undelivered: messages that Zep does not have at the end.
        deploys: when the workers were restarted for a deploy.
        variables: what the product was set by.
    """

    began: float
    ended: float
    scrape_s: float
    messages: tuple[float, ...]
    troubles: tuple[Stretch, ...]
    answers: tuple[Answer, ...]
    log: tuple[Happened, ...]
    undelivered: int
    deploys: tuple[float, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

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
