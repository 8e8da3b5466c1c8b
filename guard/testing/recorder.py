"""Keeps what the guard tells logs and metrics, to be asserted on."""

from __future__ import annotations

from typing import Any, TypeVar

from guard.core.events import EffectKind
from guard.notices import Notice, Transition
from guard.telemetry import Telemetry
from guard.testing.clock import FakeClock

__all__ = ["EventRecorder"]

N = TypeVar("N")


class EventRecorder(Telemetry):
    """Records notices, and the log lines made of them; the process's metrics count as ever.

    >>> from guard.testing import guarded
    >>> app = guarded()
    >>> app.zep.fails("auth")
    >>> _ = app.memory.read_context(user_id="u", thread_id="t")
    >>> [effect.value for effect in app.seen.transitions]
    ['downgraded']
    >>> app.seen.logged("zep_auth_failure_auto_downgrade")["level"]
    'error'
    >>> app.seen.logged("memory_mode_restored")
    Traceback (most recent call last):
    AssertionError: no 'memory_mode_restored' was logged, but: zep_context_failure, zep_auth_failure_auto_downgrade, \
memory_mode_forced

    Args:
        clock: paces the line about a store that is away.

    Attributes:
        notices: all that was told, in order.
        lines: the log lines, each with ``event`` and ``level``; no file is written.
    """

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(monotonic=clock.monotonic)
        self.notices: list[Notice] = []
        self.lines: list[dict[str, Any]] = []

    def tell(self, notice: Notice) -> None:
        """Keep the notice, and the lines that it makes."""
        self.notices.append(notice)
        super().tell(notice)

    @property
    def _log(self) -> Any:
        return _Lines(self.lines)

    @property
    def transitions(self) -> list[EffectKind]:
        """What became of the mode and the breakers, in order; also what a process did alone."""
        return [effect.kind for notice in self.told(Transition) for effect in notice.effects]

    def told(self, kind: type[N]) -> list[N]:
        """The notices of one kind (a class of ``guard.notices``), in order."""
        return [notice for notice in self.notices if isinstance(notice, kind)]

    def logged(self, event: str) -> dict[str, Any]:
        """The newest log line of that event.

        Raises:
            AssertionError: naming what was logged instead.
        """
        found = [line for line in self.lines if line["event"] == event]
        if not found:
            others = ", ".join(dict.fromkeys(line["event"] for line in self.lines)) or "nothing"
            raise AssertionError(f"no {event!r} was logged, but: {others}")
        return found[-1]

    def never_logged(self, event: str) -> None:
        """Check that there is no line of that event.

        Raises:
            AssertionError: with the line.
        """
        found = [line for line in self.lines if line["event"] == event]
        if found:
            raise AssertionError(f"{event!r} was logged {len(found)} times, first: {found[0]}")

    def clear(self) -> None:
        """Forget what was seen so far."""
        self.notices.clear()
        self.lines.clear()


class _Lines:
    """Stands for a structlog logger."""

    def __init__(self, lines: list[dict[str, Any]]) -> None:
        self._lines = lines

    def info(self, event: str, **fields: Any) -> None:
        self._lines.append({"event": event, "level": "info", **fields})

    def warning(self, event: str, **fields: Any) -> None:
        self._lines.append({"event": event, "level": "warning", **fields})

    def error(self, event: str, **fields: Any) -> None:
        self._lines.append({"event": event, "level": "error", **fields})
