"""For tests of an app that uses the guard: a clock, a store and a Zep that do what a test says, and what was seen.

    >>> from guard.testing import guarded
    >>> app = guarded()  # read_write, everything healthy
    >>> app.memory.read_context(user_id="u1", thread_id="t1").text
    'remembered of t1'
    >>> app.zep.fails("timeout")
    >>> for turn in range(3):
    ...     app.clock.advance(700)  # past every cache
    ...     answer = app.memory.read_context(user_id="u1", thread_id="t1")
    >>> answer.text, answer.status.value, app.memory.mode().value
    ('', 'failed', 'write_only')
    >>> app.seen.logged("memory_mode_forced")["reason"].value
    'consecutive_failures'
    >>> app.zep.answers("tea at five")
    >>> app.clock.advance(app.settings.hold_s)  # no test waits five minutes
    >>> app.memory.read_context(user_id="u1", thread_id="t1").text
    'tea at five'
    >>> app.seen.never_logged("memory_store_unavailable")
    >>> app.store.away()
    >>> app.clock.advance(2)
    >>> app.memory.mode().value  # the process goes on by what it knew
    'read_write'

No test framework is needed, no network and no thread is used, and nothing of the guard imports this package.
"""

from guard.testing.clock import FakeClock
from guard.testing.recorder import EventRecorder
from guard.testing.store import AsyncFakeStore, FakeStore
from guard.testing.world import Guarded, guarded
from guard.testing.zep import AsyncFakeZep, FakeZep

__all__ = [
    "AsyncFakeStore",
    "AsyncFakeZep",
    "EventRecorder",
    "FakeClock",
    "FakeStore",
    "FakeZep",
    "Guarded",
    "guarded",
]
