"""The virtual time for code that is not ours: freezegun, started once a world and moved with its clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from freezegun import freeze_time

from zepguard.worlds.sim.clock import START

__all__ = ["FrozenTime"]

# What a drill took is told in real seconds.
_REAL = ["zepguard.drills.plugin", "_pytest.timing"]


class FrozenTime:
    """Stands at the virtual clock's time until stopped; asyncio's loops keep real time."""

    def __init__(self) -> None:
        self._now = _moment(START)
        self._freezing: Any = freeze_time(self._now, real_asyncio=True, ignore=_REAL)
        self._frozen: Any = None

    def start(self) -> None:
        """Freeze. Walks all loaded modules: import first what will be needed."""
        self._frozen = self._freezing.start()

    def move(self, now: float) -> None:
        """Go on to ``now``, unix seconds."""
        moment = _moment(now)
        if self._frozen is not None and moment > self._now:
            self._frozen.tick(moment - self._now)
            self._now = moment

    def stop(self) -> None:
        """Give real time back."""
        if self._frozen is not None:
            self._freezing.stop()
            self._frozen = None


def _moment(now: float) -> datetime:
    return datetime.fromtimestamp(now, UTC)
