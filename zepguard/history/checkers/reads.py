"""Promises about reads: in time, and one probe a hold."""

from __future__ import annotations

from zepguard.history.checking import Rules
from zepguard.history.events import (
    Died,
    Event,
    ReadEnded,
    ReadReturned,
    ReadSent,
    StoreClockMoved,
)

__all__ = ["InTime", "OneProbe"]


class InTime:
    """No turn waits for its context longer than the deadline and a tenth, and 50 ms for the store."""

    name = "in_time"
    _STORE_S = 0.05

    def __init__(self, rules: Rules) -> None:
        self._longest_s = rules.deadline_s * 1.1 + self._STORE_S

    def see(self, event: Event) -> str | None:
        """Measure each turn's read."""
        if isinstance(event, ReadReturned) and event.at - event.began_at > self._longest_s + 1e-9:
            return f"{event.process} waited {event.at - event.began_at:.3f} s, longest is {self._longest_s:.3f} s"
        return None


class OneProbe:
    """One probe at most is under way, of all processes that live.

    A probe is a read by a process that knows the mode to be forced. Its lease is a time by the store's clock: a clock
    that was set forward meanwhile ends it early, and the rule does not hold for a probe that was under way then.
    """

    name = "one_probe"

    def __init__(self) -> None:
        self._under_way: dict[str, str] = {}

    def see(self, event: Event) -> str | None:
        """Count the probes under way."""
        match event:
            case ReadSent(process=process, request=request, mode=mode) if mode != "read_write":
                others = dict(self._under_way)
                self._under_way[request] = process
                if others:
                    return f"{process} probes ({request}) beside {', '.join(sorted(others))}"
            case ReadEnded(request=request):
                self._under_way.pop(request, None)
            case Died(process=process):
                self._under_way = {r: p for r, p in self._under_way.items() if p != process}
            case StoreClockMoved(by_s=by_s) if by_s > 0:
                self._under_way.clear()
        return None
