"""The store that all workers share: one hash in Redis or Valkey, changed by one Lua call.

Keys, all under the namespace: ``mode`` (the record), ``workers`` (heartbeats), ``thread:ID`` (a thread's entry).
The script reads TIME before it writes, so the server must replicate effects: Redis 5 or later, any Valkey.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from guard.core.events import (
    AcquireProbe,
    AcquireTrial,
    Clear,
    Effect,
    EffectKind,
    Event,
    Expire,
    Force,
    Policy,
    Report,
    ResetFailures,
)
from guard.core.modes import Mode, check_ttl_s
from guard.core.record import decode_record
from guard.core.table import Pause, rule_for
from guard.core.worker import Worker
from guard.errors import StoreUnavailable
from guard.store.protocol import VERSION_TTL_S, WORKER_TTL_S, Applied, ThreadEntry

__all__ = ["RedisStore", "connect"]

_SCRIPT = files("guard.store").joinpath("transition.lua").read_text(encoding="utf-8")


def connect(url: str, *, timeout_s: float) -> redis.Redis:
    """Make a client that waits at most ``timeout_s`` for a connection or an answer and never retries.

    redis-py 8 by itself waits 5 s an attempt and makes 10 more (measured); a chat turn cannot.
    """
    return redis.Redis.from_url(
        url,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    )


class RedisStore:
    """Keeps the record in Redis or Valkey.

    Args:
        client: a redis-py client with ``decode_responses=True``; see ``connect``.
        namespace: prefix of every key (``ZEPGUARD_NAMESPACE``).
        policy: thresholds and times of the steps.
        clock: gives unix seconds in place of the server's TIME; for simulations.
    """

    def __init__(
        self,
        client: redis.Redis,
        *,
        namespace: str,
        policy: Policy | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._client = client
        self._prefix = namespace
        self._policy = policy or Policy()
        self._clock = clock
        self._script = client.register_script(_SCRIPT)

    def close(self) -> None:
        """Close the client's connections."""
        self._client.close()

    def _key(self, *parts: str) -> str:
        return ":".join((self._prefix, *parts))

    def snapshot(self) -> Applied:
        """Read the record and the server's time."""
        return self._run("snapshot", {})

    def apply(self, event: Event) -> Applied:
        """Apply one event: one EVALSHA, atomic over all workers."""
        name, arguments = _arguments(event, self._policy)
        thread = event.thread_id if isinstance(event, Report) else ""
        return self._run(name, arguments, thread)

    def _run(self, name: str, arguments: Mapping[str, object], thread: str = "") -> Applied:
        now = "" if self._clock is None else repr(self._clock())
        flat = [str(part) for pair in arguments.items() for part in pair]
        keys = [self._key("mode"), self._key("thread", thread), self._key("version", thread)]
        with _translated():
            at, effects, fields = self._script(keys=keys, args=[name, now, *flat])
            return Applied(
                record=decode_record(dict(_pairs(fields))),
                now=float(at),
                effects=tuple(Effect(EffectKind(kind), detail) for kind, detail in _pairs(effects)),
            )

    def thread_entry(self, thread_id: str) -> ThreadEntry:
        """Read what is known of a thread."""
        with _translated():
            asked = self._client.pipeline(transaction=False)
            asked.hmget(self._key("thread", thread_id), ["pause_until", "why"])
            asked.get(self._key("version", thread_id))
            (until, why), version = asked.execute()
            return ThreadEntry(
                pause_until=float(until or 0.0), why=Pause(str(why or Pause.NONE)), version=int(version or 0)
            )

    def forget_thread(self, thread_id: str) -> bool:
        """Drop what is known of a thread."""
        with _translated():
            asked = self._client.pipeline(transaction=True)
            asked.delete(self._key("thread", thread_id))
            asked.incr(self._key("version", thread_id))
            asked.expire(self._key("version", thread_id), int(VERSION_TTL_S))
            return bool(asked.execute()[0])

    def beat(self, worker: Worker) -> None:
        """Write a worker's heartbeat; the server's time says when."""
        state = {
            "program": worker.program,
            "pid": worker.pid,
            "base": worker.base,
            "reads": worker.reads,
            "seen": self._now(),
        }
        with _translated():
            self._client.hset(self._key("workers"), worker.name, json.dumps(state))

    def retire(self, name: str) -> None:
        """Take a worker off the list."""
        with _translated():
            self._client.hdel(self._key("workers"), name)

    def workers(self) -> list[Worker]:
        """List the live workers by name, and forget the dead ones."""
        now = self._now()
        with _translated():
            beats: Any = self._client.hgetall(self._key("workers"))
            known = [_worker(name, json.loads(state)) for name, state in beats.items()]
            dead = [worker.name for worker in known if worker.seen < now - 20 * WORKER_TTL_S]
            if dead:
                self._client.hdel(self._key("workers"), *dead)
        alive = [worker for worker in known if worker.seen >= now - WORKER_TTL_S]
        return sorted(alive, key=lambda worker: worker.name)

    def _now(self) -> float:
        if self._clock is not None:
            return self._clock()
        with _translated():
            seconds, micros = self._client.time()
            return float(seconds) + float(micros) / 1e6


def _worker(name: str, state: Mapping[str, Any]) -> Worker:
    return Worker(
        name=name,
        program=str(state["program"]),
        pid=int(state["pid"]),
        base=Mode(state["base"]),
        seen=float(state["seen"]),
        reads=bool(state.get("reads", True)),
    )


def _arguments(event: Event, policy: Policy) -> tuple[str, dict[str, object]]:
    match event:
        case Report():
            return "report", _report_arguments(event, policy)
        case AcquireProbe():
            return "acquire_probe", {
                "generation": event.generation,
                "token": event.token,
                "lease_s": policy.lease_s,
            }
        case AcquireTrial():
            return "acquire_trial", {
                "operation": event.operation,
                "era": event.era,
                "token": event.token,
                "lease_s": policy.lease_s,
            }
        case Force():
            return "force", {
                "reason": event.reason,
                "ttl_s": check_ttl_s(event.ttl_s),
                "operator": int(event.operator),
            }
        case Expire():
            return "expire", {"generation": event.generation}
        case Clear():
            return "clear", {}
        case ResetFailures():
            return "reset_failures", {}


def _report_arguments(event: Report, policy: Policy) -> dict[str, object]:
    ticket = event.ticket
    rule = rule_for(ticket.operation, event.outcome, ticket.phase)
    arguments: dict[str, object] = {
        "operation": ticket.operation,
        "phase": ticket.phase,
        "generation": ticket.generation,
        "era": ticket.era,
        "token": ticket.token,
        "count": rule.count,
        "force": rule.force or "",
        "hold": rule.hold,
        "restore": int(rule.restore),
        "breaker": rule.breaker,
        "probe": rule.probe or "",
        "hold_s": policy.hold_s,
        "retry_after_s": event.retry_after_s,
        "failure_threshold": policy.failure_threshold,
        "breaker_threshold": policy.breaker_threshold,
        "breaker_open_s": policy.breaker_open_s,
    }
    pause_s = policy.pause_s(event)
    if pause_s > 0 and event.thread_id:
        version = "" if event.thread_version is None else event.thread_version
        arguments |= {"pause_s": pause_s, "pause_why": rule.pause, "thread_version": version}
    return arguments


def _pairs(flat: list[str]) -> Iterator[tuple[str, str]]:
    return zip(flat[::2], flat[1::2], strict=True)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise StoreUnavailable(
            f"the guard's store did not answer ({type(error).__name__}: {error}); check GUARD_REDIS_URL and the server"
        ) from error
    except (ValueError, OverflowError, TypeError, KeyError, AttributeError) as error:
        raise StoreUnavailable(
            f"the guard's store holds something that is not the guard's ({error}); "
            "check ZEPGUARD_NAMESPACE, then `zep_mode --clear`"
        ) from error
