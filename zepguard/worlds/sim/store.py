"""The guard's store in world sim: the real client and the real Lua without a server, which can be taken away.

The rules of a transition stand twice: in ``transition.lua``, by which a shared store changes, and in
``guard.core.machine``, by which a process goes on that has none. The drills change the record by the first; the second
is asked the same, and must say the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import fakeredis
import redis

from guard.core.events import EffectKind, Event, Expire, Policy
from guard.core.machine import step
from guard.core.record import EMPTY, Record
from guard.core.settings import Settings
from guard.store.protocol import Applied
from guard.store.shared import RedisStore

__all__ = ["StoreServer"]


class _Client(fakeredis.FakeRedis):
    """A client that counts how often nobody listened."""

    refused = 0

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Run one command."""
        try:
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except redis.ConnectionError:
            self.refused += 1
            raise


class StoreServer:
    """One server for all programs.

    Args:
        clock: gives unix seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._server = fakeredis.FakeServer()
        self._client = _Client(server=self._server, decode_responses=True)
        self._rules = _Rules()

    @property
    def refused(self) -> int:
        """How many commands met nobody, since it was last taken away."""
        return self._client.refused

    @property
    def away(self) -> bool:
        """Whether nobody listens."""
        return not self._server.connected

    def take_away(self) -> None:
        """Nobody listens any more; what was kept stays."""
        self._client.refused = 0
        self._server.connected = False

    def put_back(self) -> None:
        """Listen again."""
        self._server.connected = True

    def empty(self) -> int:
        """Lose what was kept; gives how many keys that were."""
        kept = len(self._client.keys())
        self._client.flushall()
        self._rules.forget()
        return kept

    def differences(self) -> tuple[str, ...]:
        """Where Lua and Python came to different ends since last asked, a sentence each."""
        return self._rules.take_differences()

    def store(self, settings: Settings) -> RedisStore:
        """The store as a program with these settings opens it."""
        return _CheckedStore(
            self._client, self._rules, namespace=settings.namespace, policy=settings.policy, clock=self._clock
        )


class _CheckedStore(RedisStore):
    def __init__(self, client: redis.Redis, rules: _Rules, *, policy: Policy, **settings: Any) -> None:
        super().__init__(client, policy=policy, **settings)
        self._rules = rules
        self._policy = policy

    def apply(self, event: Event) -> Applied:
        """Apply it by Lua, and see what Python makes of it."""
        applied = super().apply(event)
        self._rules.follow(event, applied, self._policy)
        return applied


class _Rules:
    """Follows the record by ``guard.core.machine``."""

    def __init__(self) -> None:
        self._record = EMPTY
        self._differences: list[str] = []

    def take_differences(self) -> tuple[str, ...]:
        taken, self._differences = tuple(self._differences), []
        return taken

    def forget(self) -> None:
        self._record = EMPTY

    def follow(self, event: Event, applied: Applied, policy: Policy) -> None:
        record, effects = step(self._record, event, applied.now, policy)
        if isinstance(event, Expire) and applied.did(EffectKind.STALE):
            record, effects = self._record, applied.effects  # who else would probe stands in the heartbeats
        record = replace(record, epoch=applied.record.epoch)  # raised past the record's own events, too
        if record != applied.record or effects != applied.effects:
            self._differences.append(
                f"{type(event).__name__}: the record by guard.core.machine, then by transition.lua: "
                f"{_unlike(record, applied.record) or (effects, applied.effects)}"
            )
        self._record = replace(applied.record, trend=record.trend)


def _unlike(one: Record, other: Record) -> str:
    names = [field.name for field in fields(Record) if field.compare]
    return ", ".join(
        f"{name} {getattr(one, name)} and {getattr(other, name)}"
        for name in names
        if getattr(one, name) != getattr(other, name)
    )
