"""Events of a turn on their way from the worker to the web: one list for each attempt, on the broker's own store."""

from __future__ import annotations

import asyncio
import uuid
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from chatapp.turns.events import Said, decode, encode
from guard.logs import get_logger

__all__ = ["BrokerGone", "Inbox", "Outgoing", "close_inbox", "inbox", "post_office"]

KEPT_S = 60
"""Lists that nobody reads vanish after that long, seconds."""

_LISTEN_S = 0.5
_ANSWER_S = 1.25  # above _LISTEN_S, or every quiet wait would look like a broker that is gone
_CONNECT_S = 1.0
_BATCH = 64


class BrokerGone(Exception):
    """The broker refused, or did not answer in time."""


def _key(turn_id: uuid.UUID, attempt: int) -> str:
    return f"chatapp:turn:{turn_id}:{attempt}"


def _url() -> str:
    # Celery and redis-py write a unix socket differently.
    url: str = settings.CELERY_BROKER_URL
    return url.replace("redis+socket://", "unix://", 1)


class Inbox:
    """The web's end. One for each event loop."""

    def __init__(self, url: str, turns_max: int) -> None:
        self._redis = redis.asyncio.Redis.from_url(
            url,
            socket_timeout=_ANSWER_S,
            socket_connect_timeout=_CONNECT_S,
            retry=AsyncRetry(NoBackoff(), 0),
            max_connections=turns_max + 8,
        )

    async def take(self, turn_id: uuid.UUID, attempts: int, wait_s: float) -> list[tuple[int, Said]]:
        """Wait for events of any attempt, the newest first; an empty list after ``wait_s`` or a little less.

        Raises:
            BrokerGone: within 1.25 s if the broker is frozen, at once if it refuses.
        """
        keys = {_key(turn_id, attempt).encode(): attempt for attempt in range(attempts, 0, -1)}
        listen_s = min(max(wait_s, 0.01), _LISTEN_S)  # 0 would wait for ever
        try:
            found: Any = await self._redis.blmpop(listen_s, len(keys), *keys, direction="LEFT", count=_BATCH)  # type: ignore[arg-type]
        except (redis.RedisError, OSError) as error:
            raise BrokerGone(type(error).__name__) from None
        if found is None:
            return []
        key, items = found
        return [(keys[key], decode(item)) for item in items]

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()


_inboxes: WeakKeyDictionary[asyncio.AbstractEventLoop, Inbox] = WeakKeyDictionary()


def inbox() -> Inbox:
    """The inbox of the running event loop, made at its first use."""
    loop = asyncio.get_running_loop()
    found = _inboxes.get(loop)
    if found is None:
        found = _inboxes[loop] = Inbox(_url(), settings.CHATAPP_TURNS_MAX)
    return found


async def close_inbox() -> None:
    """Close the running event loop's inbox, if it has one."""
    found = _inboxes.pop(asyncio.get_running_loop(), None)
    if found is not None:
        await found.close()


class PostOffice:
    """The worker's end: one client for the process's threads, made at its first use."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._client: redis.Redis | None = None

    def client(self) -> redis.Redis:
        """The client, which waits a second at most and repeats nothing (a repeated event would be said twice)."""
        with self._lock:
            if self._client is None:
                self._client = redis.Redis.from_url(
                    _url(),
                    socket_timeout=_CONNECT_S,
                    socket_connect_timeout=_CONNECT_S,
                    retry=Retry(NoBackoff(), 0),
                )
            return self._client

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = None


post_office = PostOffice()


class Outgoing:
    """Posts the events of one attempt. A broker that is gone never stops the worker from finishing the turn."""

    def __init__(self, turn_id: uuid.UUID, attempt: int) -> None:
        self._turn_id = turn_id
        self._key = _key(turn_id, attempt)
        self._lost = False

    def post(self, *events: Said) -> None:
        """Post events at once; after some were lost the rest are not tried, since a reply with a gap would be wrong."""
        if self._lost:
            return
        try:
            with post_office.client().pipeline(transaction=False) as pipe:
                pipe.rpush(self._key, *map(encode, events))
                pipe.expire(self._key, KEPT_S)
                pipe.execute()
        except (redis.RedisError, OSError) as error:
            self._lost = True
            get_logger(__name__).warning("turn_events_lost", turn_id=str(self._turn_id), error=type(error).__name__)
