"""What the guard adds to one call to Zep, apart from its questions to the store, against four breaker libraries.

    pip install --group benchmarks
    python -m benchmarks.guarded_call            # ratios
    python -m benchmarks.guarded_call --parts    # where a read's time goes
    python -m benchmarks.guarded_call --floor    # what Python itself asks for, beside what is asked of the guard
    python -m benchmarks.guarded_call --profile  # the same, as cProfile sees it

Zep and the store are stubs that answer at once. Short rounds of all are interleaved and the least of each counts: on a
machine with other work most rounds are interrupted, and some are not. The libraries are as they come, without metrics.
"""

from __future__ import annotations

import cProfile
import gc
import pstats
import sys
import time
from collections import deque
from collections.abc import Callable
from itertools import cycle
from typing import Any

import circuitbreaker
import interlock
import purgatory
import pybreaker

from guard.core.modes import Mode
from guard.core.record import EMPTY
from guard.core.results import ContextResult, ContextStatus
from guard.core.settings import read_settings
from guard.metrics import instruments
from guard.service import MemoryService
from guard.store.protocol import Applied, ThreadEntry
from guard.telemetry import Telemetry
from guard.zep.calls import Answer

ROUNDS, CALLS = 800, 40
FLAGS = {"FLAG_ZEP_WRITE": "true", "FLAG_ZEP_READ": "true", "ZEP_ENABLED": "true", "ZEP_API_KEY": "k"}


class NullStore:
    """Answers at once, and keeps nothing."""

    def __init__(self) -> None:
        self._entry = ThreadEntry()
        self._applied = Applied(record=EMPTY, now=1_700_000_000.0)

    def snapshot(self) -> Applied:
        """An empty record."""
        return self._applied

    def apply(self, event: Any) -> Applied:
        """Nothing is done."""
        return self._applied

    def thread_entry(self, thread_id: str, user_id: str = "") -> ThreadEntry:
        """Nothing is known."""
        return self._entry

    def claim_refresh(self, thread_id: str, *, lease_s: float) -> bool:
        """Always."""
        return True


class NullZep:
    """Answers at once."""

    def __init__(self, text: str) -> None:
        self._answer = Answer(text=text)

    def read_context(self, thread_id: str) -> Answer:
        """At once."""
        return self._answer


class Silent(Telemetry):
    """Metrics and logs off."""

    def tell(self, notice: object) -> None:
        """Nothing is told."""
        return


def guarded(telemetry: Telemetry | None = None, *, text: str = "") -> MemoryService:
    """A service over the stubs; with a text, each read is kept in the process's layer too."""
    store, zep = NullStore(), NullZep(text)
    settings = read_settings(FLAGS)
    return MemoryService(settings, store=lambda: store, zep=lambda: zep, telemetry=telemetry)  # type: ignore[arg-type,return-value]


def calls() -> dict[str, Callable[[], object]]:
    """One call each; all make the same call to the same stub."""
    bare = NullZep("")

    def backend() -> Answer:
        return bare.read_context("t")

    by_pybreaker = pybreaker.CircuitBreaker(fail_max=3)
    by_interlock = interlock.CircuitBreaker(name="zep")
    by_circuitbreaker = circuitbreaker.CircuitBreaker(failure_threshold=3)(backend)
    by_purgatory = purgatory.SyncCircuitBreakerFactory()("zep")(backend)
    metered, silent = guarded(), guarded(Silent())
    keeping, threads = guarded(Silent(), text="tea"), cycle([f"t{n}" for n in range(2_000)])
    return {
        "bare call": backend,
        "pybreaker": lambda: by_pybreaker.call(backend),
        "interlock-cb": lambda: by_interlock.call(backend),
        "circuitbreaker": by_circuitbreaker,
        "purgatory": by_purgatory,
        "guarded read": lambda: metered.read_context(user_id="u", thread_id="t"),
        "guarded read, metrics off": lambda: silent.read_context(user_id="u", thread_id="t"),
        "guarded read, metrics off, kept": lambda: keeping.read_context(user_id="u", thread_id=next(threads)),
        "guarded write": lambda: metered.write("t", lambda zep: zep.read_context("t")),
        "guarded write, metrics off": lambda: silent.write("t", lambda zep: zep.read_context("t")),
        "mode()": metered.mode,
    }


def parts() -> dict[str, Callable[[], object]]:
    """The parts of a guarded read by the straight way."""
    service = guarded()
    service.read_context(user_id="u", thread_id="t")
    engine, telemetry = service.engine, service._telemetry
    engine.sight.fresh_until = float("inf")
    read = engine.begin_read("u", "t")
    assert read is not None
    called = service._made(read.perform)
    report = engine.report(read, read.admission.ticket, called)
    applied = service.store().apply(report)
    ended = engine.ended(report, called, applied)
    return {
        "decide (clock, record, contexts)": lambda: engine.begin_read("u", "t"),
        "make the call, measure it": lambda: service._made(read.perform),
        "make the report": lambda: engine.report(read, read.admission.ticket, called),
        "keep the store's answer": lambda: engine.settled(applied, 1.0),
        "make the notice of the call": lambda: engine.ended(report, called, applied),
        "make the result": lambda: engine.context(read, called, applied),
        "count the request": lambda: telemetry.tell(read.sent),
        "observe the latency": lambda: telemetry.tell(ended),
    }


class Floor:
    """What no guard can leave out, and nothing else: no decision, failure, id, report or notice, and a result.

    One clock read before and after, whether the view is fresh, a look for a kept context, a place in the bulkhead.
    """

    def __init__(self, *, metrics: bool) -> None:
        self._metrics = metrics
        self._zep = NullZep("")
        self._places = deque([None] * 32)
        self._kept: dict[tuple[str, str], str] = {}
        self._fresh_until = float("inf")
        self._fresh, self._mode = ContextStatus.FRESH, Mode.READ_WRITE

    def read(self, *, user_id: str, thread_id: str) -> ContextResult | None:
        """One read."""
        started = time.monotonic()
        if started >= self._fresh_until or self._kept.get((user_id, thread_id)):
            return None
        place = self._places.pop()
        try:
            answer = self._zep.read_context(thread_id)
        finally:
            self._places.append(place)
        latency_s = time.monotonic() - started
        if self._metrics:
            instruments.READ_REQUESTS.inc()
            instruments.READ_LATENCY.observe(latency_s)
        return ContextResult(self._fresh, self._mode, answer.text, "", latency_s)


def floor() -> dict[str, Callable[[], object]]:
    """The floor beside the two libraries that bound the guard."""
    peers, silent, metered = calls(), Floor(metrics=False), Floor(metrics=True)
    return {
        "circuitbreaker": peers["circuitbreaker"],
        "pybreaker": peers["pybreaker"],
        "floor, metrics off": lambda: silent.read(user_id="u", thread_id="t"),
        "floor, with metrics": lambda: metered.read(user_id="u", thread_id="t"),
    }


def measure(some: dict[str, Callable[[], object]], rounds: int = ROUNDS, number: int = CALLS) -> dict[str, float]:
    """Nanoseconds a call: the least of interleaved rounds, without the loop's own cost."""
    best = dict.fromkeys(some, float("inf"))
    empty = float("inf")
    for _ in range(rounds):
        empty = min(empty, _timed(None, number))
        for name, call in some.items():
            best[name] = min(best[name], _timed(call, number))
    return {name: (spent - empty) / number * 1e9 for name, spent in best.items()}


def _timed(call: Callable[[], object] | None, number: int) -> float:
    loop = range(number)
    gc.collect(0)
    gc.disable()
    started = time.perf_counter()
    if call is None:
        for _ in loop:
            pass
    else:
        for _ in loop:
            call()
    spent = time.perf_counter() - started
    gc.enable()
    return spent


def profile() -> None:
    """Print where a guarded read spends its time."""
    service = guarded()
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(20_000):
        service.read_context(user_id="u", thread_id="t")
    profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(30)


def main() -> None:
    """Measure and print."""
    if "--profile" in sys.argv:
        profile()
        return
    if "--parts" in sys.argv:
        for name, ns in measure(parts()).items():
            print(f"{name:32} {ns:9.0f} ns")
        return
    if "--floor" in sys.argv:
        spent = measure(floor())
        for name, ns in spent.items():
            print(f"{name:32} {ns:9.0f} ns")
        print(f"floor with metrics, to pybreaker: {spent['floor, with metrics'] / spent['pybreaker']:.2f}")
        print(f"floor, metrics off, to circuitbreaker: {spent['floor, metrics off'] / spent['circuitbreaker']:.2f}")
        return
    spent = measure(calls())
    for name, ns in spent.items():
        print(f"{name:32} {ns:9.0f} ns {ns / spent['bare call']:8.1f} bare calls")
    by_peer = spent["guarded read"] / spent["pybreaker"]
    by_other = spent["guarded read, metrics off"] / spent["circuitbreaker"]
    print(f"guarded read, with metrics, to pybreaker without: {by_peer:.2f} (goal: 1.3)")
    print(f"guarded read, metrics off, to circuitbreaker: {by_other:.2f} (goal: 0.6)")


if __name__ == "__main__":
    main()
