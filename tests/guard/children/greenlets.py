"""A gevent pool: reads of many greenlets at once, and reads that are timed out or killed under way."""
# ruff: noqa: E402 - gevent patches before anything else is imported

from gevent import monkey

monkey.patch_all()

import json
import os
import random
import time
from collections import Counter

import gevent
from gevent.pool import Pool

from guard import MemoryService, logs, read_settings
from guard.core.events import Force
from guard.core.modes import Reason
from guard.metrics.instruments import REJECTED
from guard.places import Places
from guard.shell import open_store

logs.configure("")
settings = read_settings(os.environ)
service = MemoryService(settings, program="greenlets")
store = open_store(settings)
CALLS = settings.calls_max


def read(thread_id: str) -> str:
    """One read, in a word."""
    result = service.read_context(user_id="u", thread_id=thread_id)
    return f"{result.status} {result.detail}".strip()


def at_once(name: str, count: int) -> dict[str, int]:
    """So many greenlets."""
    return dict(Counter(Pool(count).map(read, [f"{name}-{number}" for number in range(count)])))


def ticks(seconds: float) -> int:
    """How often others come to run meanwhile."""
    ends, count = time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        gevent.sleep(0.01)
        count += 1
    return count


def timed_out(name: str) -> str:
    """A read that a timeout of gevent's own interrupts."""
    try:
        with gevent.Timeout(0.1):
            return read(name)
    except gevent.Timeout:
        return "timed out"


def places_left(count: int, seed: int) -> int:
    """Of so many places, after many greenlets were interrupted while they waited for one, had it, or gave it back."""
    places, rng = Places(count), random.Random(seed)

    def use() -> None:
        try:
            with gevent.Timeout(rng.random() * 0.01):
                if places.take(0.004):
                    try:
                        gevent.sleep(rng.choice((0, 0.001)))
                    finally:
                        places.give_back()
        except gevent.Timeout:
            pass

    pool = Pool(20)
    begun = [pool.spawn(use) for _ in range(200)]
    pool.join()
    assert all(one.exception is None for one in begun)
    return places.free


told: dict[str, object] = {}
service.read_context(user_id="u", thread_id="first")
ticking = gevent.spawn(ticks, 0.4)
told["full"] = at_once("full", 3 * CALLS)
told["rejected"] = REJECTED["read"]._value.get()  # type: ignore[index]
told["ticks"] = ticking.get()
told["timeouts"] = dict(Counter(Pool(CALLS).map(timed_out, [f"t-{number}" for number in range(CALLS)])))
killed = [gevent.spawn(read, f"k-{number}") for number in range(CALLS)]
gevent.sleep(0.15)
gevent.killall(killed)
told["after"] = at_once("after", CALLS)

told["places"] = [places_left(3, seed) for seed in range(5)]

store.apply(Force(reason=Reason.MANUAL, ttl_s=1))
while (seen := store.snapshot()).record.held(seen.now):
    gevent.sleep(0.05)
service.engine.sight.fresh_until = float("-inf")
told["probe"] = timed_out("probe")
told["lease"] = store.snapshot().record.lease
told["next probe"] = read("probe")
told["reason"] = store.snapshot().record.reason
service.close()
print(json.dumps(told), flush=True)
