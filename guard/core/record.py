"""The one record in the store: forced mode, failure count, leases, breakers and the counts of transitions.

The counts stand here, beside the state they count, so that one atomic step raises them with it: a worker that
dies or restarts loses and doubles nothing. All times are unix seconds by the store's clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

from guard.core.modes import AUTOMATIC_REASONS, Mode, Reason
from guard.core.table import Operation, ProbeResult
from guard.core.trend import NO_TREND, Trend

__all__ = ["EMPTY", "BreakerState", "Record", "decode_record", "encode_record"]


@dataclass(frozen=True, kw_only=True, slots=True)
class BreakerState:
    """One breaker. ``open_until`` 0 is closed; past, it is half-open and waits for its one trial."""

    failures: int = 0
    era: int = 0
    open_until: float = 0.0
    trial: str = ""
    trial_until: float = 0.0

    @property
    def closed(self) -> bool:
        """Whether calls pass freely."""
        return self.open_until == 0.0


def _zeros(labels: tuple[str, ...]) -> Mapping[str, int]:
    return MappingProxyType(dict.fromkeys(labels, 0))


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """State of the fleet at one generation.

    ``witnesses`` are the workers behind the failures counted now, comma-joined; ``epoch`` goes up when an operator
    drops cached contexts, in all processes; ``joins`` counts the returns of processes that had lost the store.
    ``trend`` is kept by the store and not sent out with the rest: no process decides by it, and two records are equal
    without it.
    """

    generation: int = 0
    reason: Reason | None = None
    since: float = 0.0
    until: float = 0.0
    operator: bool = False
    failures: int = 0
    witnesses: str = ""
    epoch: int = 0
    joins: int = 0
    lease: str = ""
    lease_until: float = 0.0
    read: BreakerState = BreakerState()
    write: BreakerState = BreakerState()
    opens: int = 0
    open_from: float = 0.0
    open_until: float = 0.0
    open_seconds: float = 0.0
    restores: int = 0
    downgrades: Mapping[str, int] = field(default_factory=lambda: _zeros(tuple(AUTOMATIC_REASONS)))
    forced: Mapping[str, int] = field(default_factory=lambda: _zeros(tuple(Reason)))
    probes: Mapping[str, int] = field(default_factory=lambda: _zeros(tuple(ProbeResult)))
    trend: Trend = field(default=NO_TREND, compare=False)

    @property
    def forced_mode(self) -> Mode | None:
        """The forced mode, or None."""
        return None if self.reason is None else Mode.WRITE_ONLY

    def remaining_s(self, now: float) -> float:
        """Seconds left of the hold at ``now``; 0 once it has ended."""
        return max(0.0, self.until - now)

    def held(self, now: float) -> bool:
        """Whether a forced mode is in force and its hold has not ended."""
        return self.reason is not None and now < self.until

    def breaker(self, operation: Operation) -> BreakerState:
        """The breaker of that operation."""
        return self.read if operation is Operation.READ else self.write

    def with_breaker(self, operation: Operation, state: BreakerState) -> Record:
        """The same record with that operation's breaker replaced."""
        return replace(self, read=state) if operation is Operation.READ else replace(self, write=state)

    def open_seconds_at(self, now: float) -> float:
        """Seconds with at least one breaker open, up to ``now``."""
        return self.open_seconds + max(0.0, min(now, self.open_until) - self.open_from)


EMPTY = Record()

_COUNTS = ("downgrades", "forced", "probes")
_BREAKERS = ("read", "write")
_SCALARS = tuple(f.name for f in fields(Record) if f.name not in (*_COUNTS, *_BREAKERS, "trend"))


def encode_record(record: Record) -> dict[str, str]:
    """Write the record as the flat text fields that ``decode_record`` reads; without its trend."""
    flat = {name: _text(getattr(record, name)) for name in _SCALARS}
    for side in _BREAKERS:
        state = getattr(record, side)
        flat |= {f"{side}.{f.name}": _text(getattr(state, f.name)) for f in fields(BreakerState)}
    for counts in _COUNTS:
        flat |= {f"{counts}.{label}": str(count) for label, count in getattr(record, counts).items()}
    return flat


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    return repr(value) if isinstance(value, float) else str(value)


def decode_record(flat: Mapping[str, str]) -> Record:
    """Read the record from the flat text fields of a store hash (``read.failures``, ``downgrades.auth``...).

    Unknown fields (of a later release) are passed over, missing ones are at their default.

    Raises:
        ValueError: if a field holds what cannot be a record's.
    """
    values: dict[str, Any] = {}
    for name in _SCALARS:
        if name in flat:
            values[name] = _value(flat[name], getattr(EMPTY, name), name)
    for side in _BREAKERS:
        state = getattr(EMPTY, side)
        values[side] = BreakerState(
            **{
                f.name: _value(flat[f"{side}.{f.name}"], getattr(state, f.name), f.name)
                for f in fields(BreakerState)
                if f"{side}.{f.name}" in flat
            }
        )
    for counts in _COUNTS:
        known = getattr(EMPTY, counts)
        values[counts] = MappingProxyType({label: int(float(flat.get(f"{counts}.{label}", "0"))) for label in known})
    return Record(**values)


def _value(text: str, default: object, name: str) -> Any:
    if name == "reason":
        return _reason(text)
    if isinstance(default, bool):
        return text == "1"
    if isinstance(default, int):
        return int(float(text or "0"))
    if isinstance(default, float):
        return float(text or "0")
    return text


def _reason(text: str) -> Reason | None:
    """A later release's reason is one for ``write_only`` all the same: the mode must not rise for want of a name."""
    if not text:
        return None
    try:
        return Reason(text)
    except ValueError:
        if not text.isidentifier():
            raise
        return Reason.ROLLBACK
