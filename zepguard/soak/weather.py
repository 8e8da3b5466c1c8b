"""A fake Zep as it is on real days: slow now and then, a 503 now and then, and the incidents of a history."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from fakezep import Exchange, FakeZep, Fault, Kind, Latency, Request, Settings
from zepguard.soak.scenarios import IncidentKind, Noise
from zepguard.soak.story import Answer

__all__ = ["EvenShare", "WeatheredZep"]

_USUAL_S = (0.02, 0.12)
_TAIL_S = (0.25, 0.9)
_TAIL_SHARE = 0.01
_BROWNOUT_S = (0.4, 3.0)
_BROWNOUT_503 = 1 / 3
_NO_ANSWER_S = 600.0
_JOURNAL_ENTRIES = 10_000_000


class EvenShare:
    """Picks a share of a sequence: one of each stretch, at a random place in it.

    Drawn one by one, 0.3 % of some 360 writes an hour exceed 1 % in one hour of forty (binomial), and so in most soaks
    of 48 hours: the verdict would be luck.

    Args:
        share: 0 for none, to 1 for all.
        rng: draws the places.
    """

    def __init__(self, share: float, rng: random.Random) -> None:
        self._share = share
        self._rng = rng
        self._seen = self._stretch = 0
        self._picks = self._place()

    def next(self) -> bool:
        """Whether the next one is picked."""
        picked = self._seen == self._picks
        self._seen += 1
        if picked:
            self._stretch += 1
            self._picks = max(self._seen, self._place())
        return picked

    def _place(self) -> float:
        place = (self._stretch + self._rng.random()) / self._share if self._share else math.inf
        return int(place) if math.isfinite(place) else place  # a share can be so small that its first place is never


@dataclass(slots=True)
class _Under:
    """An incident under way, and the id of its fault if it is one."""

    kind: IncidentKind
    fault: str = ""


class WeatheredZep(FakeZep):
    """The fake with its days. What it did stands in its journal.

    Args:
        noise: of every day.
        rng: draws all of it.
        deadline_s: of a call, seconds; an answer that takes longer is none.
    """

    def __init__(self, noise: Noise, rng: random.Random, *, deadline_s: float) -> None:
        super().__init__(Settings(journal_entries_max=_JOURNAL_ENTRIES), rng=rng)
        self._draw = rng
        self._deadline_s = deadline_s
        self._reads = EvenShare(noise.read_failures, rng)
        self._writes = EvenShare(noise.write_failures, rng)
        self._under: _Under | None = None
        self._rotations = 0

    def handle(self, request: Request, now: float) -> Exchange:
        """Take one request, in the day's weather."""
        is_read = request.method == "GET" and request.path.endswith("/context")
        noisy = (self._reads if is_read else self._writes).next() and self._under is None
        if noisy or self._browned_out():
            self.faults.add(Fault(kind=Kind.STATUS, status=503, count=1))
        self.latency.put(Latency(seconds=self._latency_s()))
        return super().handle(request, now)

    def begin(self, kind: IncidentKind) -> None:
        """Begin an incident; one at a time."""
        self._under = _Under(kind=kind)
        if kind is IncidentKind.OUTAGE:
            self._under.fault = self.faults.add(Fault(kind=Kind.ANSWER_LATE, delay_s=_NO_ANSWER_S)).fault_id
        elif kind is IncidentKind.KEY_ROTATION:
            self._rotations += 1
            self.set_keys([f"rotated-{self._rotations}"])

    def end(self) -> str:
        """End it; gives the key that is accepted now."""
        assert self._under is not None, "no incident is under way"
        if self._under.fault:
            self.faults.remove(self._under.fault)
        self._under = None
        (key,) = self.accepted_keys
        return key

    def answers(self) -> Iterator[Answer]:
        """All that the journal has."""
        for entry in self.journal.since(0):
            good = entry.key_ok and entry.fault is None and entry.duration_s < self._deadline_s
            yield Answer(at=entry.at, good=good, took_s=min(entry.duration_s, self._deadline_s))

    def _browned_out(self) -> bool:
        browned = self._under is not None and self._under.kind is IncidentKind.BROWNOUT
        return browned and self._draw.random() < _BROWNOUT_503

    def _latency_s(self) -> float:
        if self._under is not None and self._under.kind is IncidentKind.BROWNOUT:
            return self._draw.uniform(*_BROWNOUT_S)
        return self._draw.uniform(*(_TAIL_S if self._draw.random() < _TAIL_SHARE else _USUAL_S))
