"""A memory service over the fakes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from guard.core.settings import Settings, read_settings
from guard.service import MemoryService
from guard.testing.clock import FakeClock
from guard.testing.recorder import EventRecorder
from guard.testing.store import AsyncFakeStore, FakeStore
from guard.testing.zep import AsyncFakeZep, FakeZep

if TYPE_CHECKING:
    from guard.async_service import AsyncMemoryService

__all__ = ["Guarded", "guarded"]

_READ_WRITE = {
    "FLAG_ZEP_WRITE": "true",
    "FLAG_ZEP_READ": "true",
    "ZEP_ENABLED": "true",
    "ZEP_API_KEY": "guard.testing",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Guarded:
    """A ``MemoryService`` and the fakes under it."""

    memory: MemoryService
    settings: Settings
    clock: FakeClock
    store: FakeStore
    zep: FakeZep
    seen: EventRecorder
    _programs: Iterator[str] = field(repr=False)
    """A name for each process of the fleet: one that fails is a witness of its own."""

    def another(self, environ: Mapping[str, str] | None = None) -> Guarded:
        """One more process of the same fleet: the same clock, store and Zep, a recorder of its own.

        Args:
            environ: variables that differ from those of ``read_write``; by default the settings are the same.
        """
        settings = self.settings if environ is None else read_settings({**_READ_WRITE, **environ})
        return _over(settings, self.clock, self.store, self.zep, self._programs)

    def for_asyncio(self) -> AsyncMemoryService:
        """The same for coroutines, as one more process of the fleet; ``seen`` sees it too.

        >>> import asyncio
        >>> app = guarded()
        >>> asyncio.run(app.for_asyncio().read_context(user_id="u1", thread_id="t1")).text
        'remembered of t1'
        """
        from guard.async_service import AsyncMemoryService

        return AsyncMemoryService(
            self.settings,
            program=next(self._programs),
            store=lambda: AsyncFakeStore(self.store),
            zep=lambda: AsyncFakeZep(self.zep),
            telemetry=self.seen,
            monotonic=self.clock.monotonic,
            wall=self.clock.wall,
        )


def guarded(environ: Mapping[str, str] | None = None, *, wall: float = 1_700_000_000.0) -> Guarded:
    """Make a memory service that runs on a clock, a store and a Zep of the test's own.

    >>> app = guarded({"FLAG_ZEP_READ": "false"})
    >>> app.memory.mode().value
    'write_only'

    Args:
        environ: the guard's variables that differ from those of ``read_write``; those of the process count for nothing.
        wall: unix seconds at the start.

    Raises:
        SettingsError: naming the variable, its value and the remedy.
    """
    settings = read_settings({**_READ_WRITE, **(environ or {})})
    clock = FakeClock(wall)
    programs = (f"guard.testing.{number}" for number in count(1))
    return _over(settings, clock, FakeStore(clock, settings.policy), FakeZep(clock), programs)


def _over(settings: Settings, clock: FakeClock, store: FakeStore, zep: FakeZep, programs: Iterator[str]) -> Guarded:
    seen = EventRecorder(clock)
    memory = MemoryService(
        settings,
        program=next(programs),
        store=lambda: store,
        zep=lambda: zep,
        telemetry=seen,
        monotonic=clock.monotonic,
        wall=clock.wall,
    )
    return Guarded(memory=memory, settings=settings, clock=clock, store=store, zep=zep, seen=seen, _programs=programs)
