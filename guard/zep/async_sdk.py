"""``AsyncZepCalls`` over the same SDK, for one event loop of asyncio or uvloop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import httpx

from guard.zep import operations
from guard.zep.async_sockets import AsyncDeadlineTransport
from guard.zep.body import ENCODINGS
from guard.zep.calls import Answer, OutgoingMessage, StoredMessage
from guard.zep.clients import AsyncPlainClient
from guard.zep.deadline import deadline
from guard.zep.operations import PATH_PREFIX, Operation

if TYPE_CHECKING:
    from zep_cloud.base_client import AsyncBaseClient

__all__ = ["AsyncSdkZep"]

T = TypeVar("T")


class AsyncSdkZep:
    """Calls Zep with the SDK from coroutines; one instance serves the tasks of one event loop.

    Every call raises ``ZepFailure`` if it gives no usable answer, and ``UnsafeId`` before it is made. A call that is
    cancelled closes its connection.

    Args:
        base_url: the server's root.
        api_key: the project's key.
        timeout_s: deadline of each call in seconds, connect to last byte.
        transport: httpx transport, for tests; by default one that keeps the deadline.
        clock: gives unix seconds.
    """

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        timeout_s: float,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        from zep_cloud.base_client import AsyncBaseClient

        self._timeout_s = timeout_s
        self._clock = clock
        self._http = AsyncPlainClient(
            transport or AsyncDeadlineTransport(), timeout_s=timeout_s, headers={"Accept-Encoding": ENCODINGS}
        )
        self._zep: AsyncBaseClient = AsyncBaseClient(
            api_key=api_key, base_url=base_url + PATH_PREFIX, timeout=timeout_s, httpx_client=self._http
        )

    async def aclose(self) -> None:
        """Close the connections; to be called in the loop that used them."""
        await self._http.aclose()

    async def _do(self, operation: Operation[T]) -> T:
        from guard.zep.classify import failure_of

        try:
            with deadline(self._timeout_s):
                return operation.read(await operation.send(self._zep))
        except Exception as error:
            failure = failure_of(error, now=self._clock())
            failure.__cause__ = error
            return operation.settle(failure)

    async def read_context(self, thread_id: str) -> Answer:
        """Read the context block of a thread; one that Zep does not know is an answer too."""
        return await self._do(operations.read_context(thread_id))

    async def add_messages(self, thread_id: str, messages: Sequence[OutgoingMessage]) -> None:
        """Add messages to a thread, in order."""
        await self._do(operations.add_messages(thread_id, messages))

    async def newest_messages(self, thread_id: str, count: int) -> list[StoredMessage]:
        """Read the newest ``count`` messages, oldest first; an unknown thread has none."""
        return await self._do(operations.newest_messages(thread_id, count))

    async def ensure_user(self, user_id: str) -> None:
        """Make a user; one that exists is success (400 or 409, contract, section 4)."""
        await self._do(operations.ensure_user(user_id))

    async def ensure_thread(self, thread_id: str, user_id: str) -> bool:
        """Make a thread; one that exists is success. False if Zep does not know the user."""
        return await self._do(operations.ensure_thread(thread_id, user_id))

    async def delete_user(self, user_id: str) -> None:
        """Delete a user with threads, messages and facts; one that Zep does not know is success."""
        await self._do(operations.delete_user(user_id))
