"""One fault from start to the last thing undone, whatever ends it: time, an event, a signal, an error.

The fault is taken off on every exit that this process lives to see. After a SIGKILL it stays. A fault on the
proxy is then taken off by the next run of the same fault; one on the fake Zep by its own reset.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Literal

from chaos.errors import ChaosError
from chaos.fault import Fault, LiveFault, Receipt
from chaos.probe import Over
from chaos.settings import require_number
from chaos.target import ChaosTarget

EndedBy = Literal["time", "event", "signal", "error"]

_UNDO_TRIES = 5
_UNDO_PAUSE_S = 0.3
_SEEN_EVERY_S = 1.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """What one run did, saw and undid. ``lasted_s``: from start's return to the first try to stop.

    ``started`` is False when start failed; then ``error`` says why, and what was on was still taken off.
    ``undo_error`` is None when nothing of the fault is left; else it says what may be.
    """

    fault: str
    started: bool
    ended_by: EndedBy
    signal: str | None
    lasted_s: float
    did: tuple[str, ...]
    undid: tuple[str, ...]
    receipt: Receipt | None
    error: str | None
    undo_error: str | None

    @property
    def ok(self) -> bool:
        """Whether the fault was on, was seen, and is off again."""
        seen = self.receipt is not None and self.receipt.seen
        return self.started and seen and self.error is None and self.undo_error is None


def run_fault(
    fault: Fault,
    target: ChaosTarget,
    *,
    for_s: float | None = None,
    stop_event: threading.Event | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> RunReport:
    """Start ``fault``, wait ``for_s`` seconds (None: until interrupted), take it off, and tell.

    A receipt is looked for at once and then each second until there is one; a fault that needs traffic gets
    its receipt from the traffic. Ends early on ``stop_event`` and, when called in the main thread, on SIGINT,
    SIGTERM and SIGHUP; the handlers that were there are put back. A signal while undoing does not stop that.
    A signal also sets ``stop_event``.
    A ChaosError ends up in the report; any other exception, also one out of ``on_progress``, is raised after
    the fault is off. Raises SettingRefused for a bad ``for_s``, before anything is done.
    """
    if for_s is not None:
        require_number("for_s", for_s, low=0, high=7 * 86_400)
    stop = stop_event or threading.Event()
    tell = on_progress or _say_nothing
    with _signals_end(stop) as caught:
        run = _Run(fault, fault.on(target), tell)
        try:
            run.start_and_wait(for_s, stop)
        finally:
            run.undo()
    return run.report(caught[0] if caught else None)


class _Run:
    """One run under way; its fields become the report."""

    def __init__(self, fault: Fault, live: LiveFault, tell: Callable[[str], None]) -> None:
        self._fault = fault
        self._live = live
        self._tell = tell
        self._ended_by: EndedBy = "error"
        self._started_at: float | None = None
        self._lasted_s = 0.0
        self._did: tuple[str, ...] = ()
        self._undid: tuple[str, ...] = ()
        self._receipt: Receipt | None = None
        self._error: str | None = None
        self._undo_error: str | None = None

    def start_and_wait(self, for_s: float | None, stop: threading.Event) -> None:
        try:
            self._live.start()
            self._started_at = time.monotonic()
            self._tell(f"{self._fault.name} is on: {'; '.join(self._live.did)}")
            self._ended_by = self._wait(self._started_at, for_s, stop)
        except ChaosError as error:
            self._ended_by = "error"
            self._error = str(error)

    def _wait(self, started_at: float, for_s: float | None, stop: threading.Event) -> EndedBy:
        ends_at = float("inf") if for_s is None else started_at + for_s

        def over() -> bool:
            return stop.is_set() or time.monotonic() >= ends_at

        while True:
            # Also when it is over: the journal may have what the traffic of the last second left.
            self._look(over)
            if stop.wait(max(0.0, min(ends_at - time.monotonic(), _SEEN_EVERY_S))):
                self._look(over)
                return "event"
            if over():
                self._look(over)
                return "time"

    def _look(self, over: Over) -> None:
        if self._receipt is not None and self._receipt.seen:
            return
        now = self._live.seen(over)
        if now.seen or self._receipt is None:
            self._receipt = now
        if now.seen:
            self._tell(f"seen: {now.how}")

    def undo(self) -> None:
        """Take the fault off, a few tries if need be; a server that is gone for good ends in the report."""
        if self._started_at is not None:
            self._lasted_s = time.monotonic() - self._started_at
        self._did = self._live.did
        for left in reversed(range(_UNDO_TRIES)):
            try:
                self._undid += self._live.stop()
            except ChaosError as error:
                self._undo_error = str(error)
            else:
                self._undo_error = None
                return
            if left:
                time.sleep(_UNDO_PAUSE_S)

    def report(self, number: signal.Signals | None) -> RunReport:
        return RunReport(
            fault=self._fault.name,
            started=self._started_at is not None,
            ended_by="signal" if number and self._ended_by == "event" else self._ended_by,
            signal=number.name if number else None,
            lasted_s=self._lasted_s,
            did=self._did,
            undid=self._undid,
            receipt=self._receipt,
            error=self._error,
            undo_error=self._undo_error,
        )


def _say_nothing(_: str) -> None:
    pass


@contextmanager
def _signals_end(stop: threading.Event) -> Iterator[list[signal.Signals]]:
    """Turn the signals that end a process into ``stop`` for a while, and collect which came.

    Also where a shell's background job ignores SIGINT: there the handler is needed most.
    """
    caught: list[signal.Signals] = []

    def note(number: int, _: FrameType | None) -> None:
        caught.append(signal.Signals(number))
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield caught  # only the main thread may set handlers, and only it gets signals
        return
    before = {number: signal.signal(number, note) for number in _SIGNALS}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            # None: a handler that was not set from Python cannot be put back by Python.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
