"""The store that all workers share: one hash in Redis or Valkey, changed by one Lua call.

The script reads TIME before it writes, so the server must replicate effects: Redis 5 or later, any Valkey.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import redis

from guard.core.events import EffectKind, Event, Policy
from guard.core.modes import Mode
from guard.core.worker import Worker
from guard.errors import StoreUnavailable
from guard.places import Places
from guard.store.connection import connect, within
from guard.store.protocol import WORKER_TTL_S, Applied, ThreadEntry
from guard.store.wire import SCRIPT, Wire, is_wrong_type, translated

__all__ = ["CONNECTIONS_MAX", "RedisStore", "connect"]

CONNECTIONS_MAX = 32
"""Connections of one process, and so its requests at once; one more waits, no longer than its own time."""

_KEYS_A_STEP = 500


class RedisStore:
    """Keeps the record in Redis or Valkey.

    Args:
        client: a redis-py client with ``decode_responses=True``; see ``connect``.
        namespace: prefix of every key (``ZEPGUARD_NAMESPACE``).
        policy: thresholds and times of the steps.
        timeout_s: seconds that one request may take in total, set-up of its connection included.
        clock: gives unix seconds in place of the server's TIME; for simulations.
    """

    def __init__(
        self,
        client: redis.Redis,
        *,
        namespace: str,
        policy: Policy | None = None,
        timeout_s: float | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._client = client
        self._clock = clock
        self._timeout_s = timeout_s
        self._places = Places(CONNECTIONS_MAX)
        self._wire = Wire(namespace, policy or Policy(), clock)
        self._script = client.register_script(SCRIPT)

    def close(self) -> None:
        """Close the client's connections."""
        self._client.close()
        sentinels = getattr(self._client.connection_pool, "sentinel_manager", None)
        if sentinels is not None:
            sentinels.close()

    @contextmanager
    def _request(self) -> Iterator[None]:
        """Bound one request, and drop connections that may have died along with the one that failed."""
        began = time.monotonic()
        if not self._places.take(self._timeout_s):
            raise StoreUnavailable("the guard's store is slow: all connections are in use; check the server")
        try:
            left_s = None if self._timeout_s is None else self._timeout_s - (time.monotonic() - began)
            with translated(), within(left_s):
                yield
        except StoreUnavailable:
            self._client.connection_pool.disconnect(inuse_connections=False)
            raise
        finally:
            self._places.give_back()

    def snapshot(self) -> Applied:
        """Read the record and the server's time."""
        return self._run(self._wire.call("snapshot", {}))

    def apply(self, event: Event) -> Applied:
        """Apply one event: one EVALSHA, atomic over all workers."""
        return self._run(self._wire.event(event))

    def _run(self, call: tuple[list[str], list[str]]) -> Applied:
        keys, arguments = call
        with self._request():
            return self._wire.applied(self._script(keys=keys, args=arguments))

    def thread_entry(self, thread_id: str, user_id: str = "") -> ThreadEntry:
        """Read what is known of a thread: one HMGET."""
        with self._request():
            try:
                values: Any = self._client.hmget(self._wire.key("thread", thread_id), self._wire.thread_fields(user_id))
            except redis.ResponseError as error:
                if not is_wrong_type(error):
                    raise
                return ThreadEntry()  # the next report of the thread puts it right
            return self._wire.thread_entry(values)

    def claim_refresh(self, thread_id: str, *, lease_s: float) -> bool:
        """Be the one that refreshes a thread's stale context: one SET."""
        with self._request():
            key = self._wire.key("refresh", thread_id)
            return bool(self._client.set(key, "1", nx=True, px=max(1, int(lease_s * 1000))))

    def forget_thread(self, thread_id: str) -> bool:
        """Drop what is known of a thread."""
        done = self._run(self._wire.forget_thread(thread_id))
        return any(effect.kind is EffectKind.FORGOTTEN and effect.detail == "1" for effect in done.effects)

    def forget_user(self, user_id: str) -> int:
        """Drop every context kept for a user; walks all entries, some hundred a step."""
        fields = self._wire.thread_fields(user_id)[-2:]
        with self._request():
            self._client.hincrby(self._wire.key("mode"), "epoch", 1)  # reads under way put none back
        dropped, cursor = 0, None
        while cursor != 0:
            with self._request():
                found: Any = self._client.scan(
                    cursor or 0, match=_literal(self._wire.key("thread", "")) + "*", count=_KEYS_A_STEP
                )
            cursor, keys = int(found[0]), found[1]
            if keys:
                dropped += self._drop(keys, fields)
        return dropped

    def _drop(self, keys: list[str], fields: list[str]) -> int:
        with self._request():
            asked = self._client.pipeline(transaction=False)
            for key in keys:
                asked.hdel(key, *fields)
            counts = asked.execute(raise_on_error=False)
            for count in counts:
                if isinstance(count, Exception) and not is_wrong_type(count):
                    raise count
            return sum(count > 0 for count in counts if not isinstance(count, Exception))

    def beat(self, worker: Worker) -> None:
        """Write a worker's heartbeat; the server's time says when."""
        state = {
            "program": worker.program,
            "pid": worker.pid,
            "base": worker.base,
            "reads": worker.reads,
            "seen": self._now(),
        }
        key = self._wire.key("workers")
        with self._request():
            try:
                self._client.hset(key, worker.name, json.dumps(state))
            except redis.ResponseError as error:
                if not is_wrong_type(error):
                    raise
                self._client.delete(key)  # nothing is lost: each live worker says it again within a second
                self._client.hset(key, worker.name, json.dumps(state))

    def retire(self, name: str) -> None:
        """Take a worker off the list."""
        with self._request():
            self._client.hdel(self._wire.key("workers"), name)

    def workers(self) -> list[Worker]:
        """List the live workers by name, and forget the dead ones."""
        now = self._now()
        with self._request():
            beats: Any = self._client.hgetall(self._wire.key("workers"))
            known = list(_workers(beats))
            dead = [worker.name for worker in known if worker.seen < now - 20 * WORKER_TTL_S]
            if dead:
                self._client.hdel(self._wire.key("workers"), *dead)
        alive = [worker for worker in known if worker.seen >= now - WORKER_TTL_S]
        return sorted(alive, key=lambda worker: worker.name)

    def _now(self) -> float:
        if self._clock is not None:
            return self._clock()
        with self._request():
            seconds, micros = self._client.time()
            return float(seconds) + float(micros) / 1e6


def _literal(key: str) -> str:
    """A key as a pattern that matches it alone."""
    return "".join(f"\\{c}" if c in "*?[]\\" else c for c in key)


def _workers(beats: Mapping[str, str]) -> Iterator[Worker]:
    for name, text in beats.items():
        try:
            state = json.loads(text)
            yield Worker(
                name=name,
                program=str(state["program"]),
                pid=int(state["pid"]),
                base=Mode(state["base"]),
                seen=float(state["seen"]),
                reads=bool(state.get("reads", True)),
            )
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            continue  # a later release's, or nobody's: no sign of life that this one can read
