"""How the record and its events travel to and from the shared store; sync and async clients both speak it.

Keys, all under the namespace: ``mode`` (the record), ``workers`` (heartbeats), ``thread:ID`` (a thread's pause, version
and the contexts of its users), ``refresh:ID`` (who refreshes a stale context).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import redis

from guard.core.events import (
    AcquireProbe,
    AcquireTrial,
    Clear,
    Effect,
    EffectKind,
    Event,
    Expire,
    Force,
    GiveUp,
    Join,
    Policy,
    Report,
    ResetFailures,
)
from guard.core.modes import check_ttl_s
from guard.core.record import EMPTY, decode_record, encode_record
from guard.core.table import Pause, rule_for
from guard.errors import StoreUnavailable
from guard.store.protocol import CONTEXT_CHARACTERS_MAX, VERSION_TTL_S, WORKER_TTL_S, Applied, Kept, ThreadEntry

__all__ = ["COMMANDS", "SCRIPT", "Wire", "is_wrong_type", "translated"]

COMMANDS = (
    "+evalsha +script|load +time +hgetall +hget +hmget +hset +hdel +hincrby +set +del +pttl +pexpire +scan +select"
)
"""What a user of the store must be allowed to run, as the ACL writes it."""

_NOT_OURS = "check ZEPGUARD_NAMESPACE, then `zep_mode --clear`"

_STARTS: dict[str, object] = {f"start.{name}": text for name, text in encode_record(EMPTY).items()}

SCRIPT = files("guard.store").joinpath("transition.lua").read_text(encoding="utf-8")


class Wire:
    """Makes requests of events and answers of replies.

    Args:
        namespace: prefix of every key (``ZEPGUARD_NAMESPACE``).
        policy: thresholds and times of the steps.
        clock: gives unix seconds in place of the server's TIME; for simulations.
    """

    def __init__(self, namespace: str, policy: Policy, clock: Callable[[], float] | None = None) -> None:
        self._prefix = namespace
        self._policy = policy
        self._clock = clock

    def key(self, *parts: str) -> str:
        """A key of this namespace."""
        return ":".join((self._prefix, *parts))

    def event(self, event: Event) -> tuple[list[str], list[str]]:
        """Keys and arguments of the script for one event."""
        name, arguments = _arguments(event, self._policy)
        keys, flat = self.call(name, arguments, event.thread_id if isinstance(event, Report) else "")
        if isinstance(event, Expire):  # of a process that reads nothing: it is not for it to say if another would probe
            keys[1] = self.key("workers")
        return keys, flat

    def forget_thread(self, thread_id: str) -> tuple[list[str], list[str]]:
        """Keys and arguments of the script that drops a thread's entry."""
        arguments = {"stale_s": self._policy.cache_stale_s, "version_ms": int(VERSION_TTL_S * 1000)}
        return self.call("forget_thread", arguments, thread_id)

    def call(self, name: str, arguments: Mapping[str, object], thread: str = "") -> tuple[list[str], list[str]]:
        """Keys and arguments of the script."""
        now = "" if self._clock is None else repr(self._clock())
        flat = [str(part) for pair in arguments.items() for part in pair]
        return [self.key("mode"), self.key("thread", thread)], [name, now, *flat]

    def applied(self, reply: Sequence[Any]) -> Applied:
        """Read the script's reply."""
        at, effects, fields = reply
        return Applied(
            record=decode_record(dict(_pairs(fields))),
            now=float(at),
            effects=tuple(Effect(EffectKind(kind), detail) for kind, detail in _pairs(effects)),
        )

    def thread_fields(self, user_id: str) -> list[str]:
        """The fields of a thread's entry that a read of this user's needs; no other user's."""
        return ["pause_until", "why", "version", f"context:{user_id}", f"context_at:{user_id}"]

    def thread_entry(self, values: Sequence[str | None]) -> ThreadEntry:
        """Read those fields; what is not the guard's, or of a later release, is as good as nothing: it is a cache."""
        until, why, version, text, at = values
        try:
            return ThreadEntry(
                pause_until=float(until or 0.0),
                why=Pause(why or Pause.NONE),
                version=int(version or 0),
                kept=Kept(text, float(at)) if text and at else None,
            )
        except ValueError:
            return ThreadEntry()


def _arguments(event: Event, policy: Policy) -> tuple[str, dict[str, object]]:
    match event:
        case Report():
            return "report", _report_arguments(event, policy)
        case AcquireProbe():
            probe = {"generation": event.generation, "token": event.token, "lease_s": policy.lease_s}
            return "acquire_probe", probe
        case AcquireTrial():
            trial = {"operation": event.operation, "era": event.era, "token": event.token, "lease_s": policy.lease_s}
            return "acquire_trial", trial
        case Force():
            force = {"reason": event.reason, "ttl_s": check_ttl_s(event.ttl_s), "operator": int(event.operator)}
            return "force", force
        case Expire():
            return "expire", {"generation": event.generation, "worker_ttl_s": WORKER_TTL_S}
        case Clear():
            return "clear", _STARTS
        case ResetFailures():
            return "reset_failures", {}
        case GiveUp():
            return "give_up", {"token": event.token}
        case Join():
            return "join", _join_arguments(event, policy)


def _join_arguments(event: Join, policy: Policy) -> dict[str, object]:
    known = {f"known.{name}": text for name, text in encode_record(event.known).items()}
    return known | {
        "reason": event.reason or "",
        "since": event.since,
        "until_": event.until,
        "worker": event.worker,
        "hold_s": policy.hold_s,
        "lease_s": policy.lease_s,
        "failure_threshold": policy.failure_threshold,
        "witnesses": policy.witnesses,
    }


def _report_arguments(event: Report, policy: Policy) -> dict[str, object]:
    ticket = event.ticket
    rule = rule_for(ticket.operation, event.outcome, ticket.phase)
    arguments: dict[str, object] = {
        "operation": ticket.operation,
        "phase": ticket.phase,
        "generation": ticket.generation,
        "era": ticket.era,
        "token": ticket.token,
        "worker": event.worker,
        "count": rule.count,
        "force": rule.force or "",
        "hold": rule.hold,
        "restore": int(rule.restore),
        "breaker": rule.breaker,
        "probe": rule.probe or "",
        "slow": int(event.latency_s > policy.trend.slow_s),
        "hold_s": policy.hold_s,
        "retry_after_s": event.retry_after_s,
        "failure_threshold": policy.failure_threshold,
        "breaker_threshold": policy.breaker_threshold,
        "breaker_open_s": policy.breaker_open_s,
        "witnesses": policy.witnesses,
        "trend_minute_s": policy.trend.minute_s,
        "trend_reads_min": policy.trend.reads_min,
        "trend_failure_ratio": policy.trend.failure_ratio,
    }
    pause_s = policy.pause_s(event)
    if pause_s > 0 and event.thread_id:
        version = "" if event.thread_version is None else event.thread_version
        arguments |= {"pause_s": pause_s, "pause_why": rule.pause, "thread_version": version}
    if 0 < len(event.context) <= CONTEXT_CHARACTERS_MAX and event.thread_id:
        kept = {"context": event.context, "user_id": event.user_id, "epoch": event.epoch}
        arguments |= {**kept, "stale_s": policy.cache_stale_s}
    return arguments


def _pairs(flat: Sequence[str]) -> Iterator[tuple[str, str]]:
    return zip(flat[::2], flat[1::2], strict=True)


@contextmanager
def translated() -> Iterator[None]:
    """Turn what a client of the store raises, or chokes on, into ``StoreUnavailable``."""
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise StoreUnavailable(_told(error)) from error
    except (ValueError, OverflowError, TypeError, KeyError, AttributeError) as error:
        raise StoreUnavailable(
            f"the guard's store holds something that is not the guard's ({error}); {_NOT_OURS}"
        ) from error


def is_wrong_type(error: Exception) -> bool:
    """Whether a key of ours was found to be of another type."""
    return isinstance(error, redis.ResponseError) and "WRONGTYPE" in str(error)


def _is_not_a_number(error: Exception) -> bool:
    """Whether the script stumbled over a field of the record, in Lua's words."""
    said = str(error)
    return isinstance(error, redis.ResponseError) and ("attempt to " in said or "bad argument #" in said)


def _told(error: Exception) -> str:
    """What happened, and what to do about it."""
    what = f"the guard's store did not answer ({type(error).__name__}: {error})"
    if isinstance(error, redis.exceptions.NoPermissionError):
        return f"{what}; on the keys of ZEPGUARD_NAMESPACE its user needs {COMMANDS}"
    if isinstance(error, redis.AuthenticationError):
        return f"{what}; check user and password in GUARD_REDIS_URL"
    if is_wrong_type(error) or _is_not_a_number(error):
        return f"the guard's store holds something that is not the guard's ({error}); {_NOT_OURS}"
    return f"{what}; check GUARD_REDIS_URL and the server"
