"""The shared store for coroutines: the same keys, script and answers as ``guard.store.shared``, for one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis import asyncio as aioredis
from redis.exceptions import ResponseError

from guard.core.events import Event, Policy
from guard.errors import StoreUnavailable
from guard.store.async_connection import connect_async
from guard.store.protocol import Applied, ThreadEntry
from guard.store.shared import CONNECTIONS_MAX
from guard.store.wire import SCRIPT, Wire, is_wrong_type, translated

__all__ = ["AsyncRedisStore", "connect_async"]


class AsyncRedisStore:
    """Keeps the record in Redis or Valkey; see ``guard.store.shared.RedisStore``.

    Args:
        client: a client of this loop with ``decode_responses=True``; see ``connect_async``.
        namespace: prefix of every key (``ZEPGUARD_NAMESPACE``).
        policy: thresholds and times of the steps.
        timeout_s: seconds that one request may take in total, set-up of its connection included.
    """

    def __init__(
        self,
        client: aioredis.Redis,
        *,
        namespace: str,
        policy: Policy | None = None,
        timeout_s: float | None = None,
    ) -> None:
        self._client = client
        self._wire = Wire(namespace, policy or Policy())
        self._script = client.register_script(SCRIPT)
        self._timeout_s = timeout_s
        self._free = asyncio.Semaphore(CONNECTIONS_MAX)

    async def aclose(self) -> None:
        """Close the connections; to be called in the loop that used them."""
        await self._client.aclose()
        sentinels = getattr(self._client.connection_pool, "sentinel_manager", None)
        if sentinels is not None:
            await sentinels.aclose()

    @asynccontextmanager
    async def _request(self) -> AsyncIterator[None]:
        """Bound one request, and drop connections that may have died along with the one that failed."""
        try:
            with translated():
                async with asyncio.timeout(self._timeout_s), self._free:
                    try:
                        yield
                    except RuntimeError as error:  # uvloop's word for a connection that has just been reset
                        raise ConnectionError(str(error)) from error
        except StoreUnavailable:
            # The pool's own ``disconnect`` waits for each to be closed: as long again as a whole request may take.
            for connection in list(getattr(self._client.connection_pool, "_available_connections", ())):
                await connection.disconnect(nowait=True)
            raise

    async def snapshot(self) -> Applied:
        """Read the record and the server's time."""
        return await self._run(self._wire.call("snapshot", {}))

    async def apply(self, event: Event) -> Applied:
        """Apply one event: one EVALSHA, atomic over all workers."""
        return await self._run(self._wire.event(event))

    async def _run(self, call: tuple[list[str], list[str]]) -> Applied:
        keys, arguments = call
        async with self._request():
            return self._wire.applied(await self._script(keys=keys, args=arguments))

    async def thread_entry(self, thread_id: str, user_id: str = "") -> ThreadEntry:
        """Read what is known of a thread: one HMGET."""
        key, fields = self._wire.key("thread", thread_id), self._wire.thread_fields(user_id)
        async with self._request():
            try:
                values: Any = await self._client.hmget(key, fields)
            except ResponseError as error:
                if not is_wrong_type(error):
                    raise
                return ThreadEntry()
            return self._wire.thread_entry(values)

    async def claim_refresh(self, thread_id: str, *, lease_s: float) -> bool:
        """Be the one that refreshes a thread's stale context: one SET."""
        async with self._request():
            key = self._wire.key("refresh", thread_id)
            return bool(await self._client.set(key, "1", nx=True, px=max(1, int(lease_s * 1000))))
