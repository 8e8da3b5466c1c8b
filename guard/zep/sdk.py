"""``ZepCalls`` over the official ``zep-cloud`` 3.30 SDK.

The SDK neither adds its path prefix to a given ``base_url`` nor retries unless asked (contract, sections 2 and 3);
the prefix is added here, retries stay off: the guard decides what is tried again, and when.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import httpx

from guard.zep import operations
from guard.zep.body import ENCODINGS
from guard.zep.calls import Answer, OutgoingMessage, StoredMessage
from guard.zep.clients import PlainClient
from guard.zep.deadline import deadline
from guard.zep.operations import OUTBOX_ID, PATH_PREFIX, Operation
from guard.zep.sockets import DeadlineTransport

if TYPE_CHECKING:
    from zep_cloud.base_client import BaseClient

__all__ = ["OUTBOX_ID", "PATH_PREFIX", "SdkZep"]

T = TypeVar("T")


class SdkZep:
    """Calls Zep with the SDK; one instance serves many threads.

    Every call raises ``ZepFailure`` if it gives no usable answer, and ``UnsafeId`` before it is made.

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
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        from zep_cloud.base_client import BaseClient

        self._timeout_s = timeout_s
        self._clock = clock
        self._http = PlainClient(
            transport or DeadlineTransport(), timeout_s=timeout_s, headers={"Accept-Encoding": ENCODINGS}
        )
        # Its subclass ``Zep`` lets ZEP_API_URL win over ``base_url``, whenever it came into the environment.
        self._zep: BaseClient = BaseClient(
            api_key=api_key, base_url=base_url + PATH_PREFIX, timeout=timeout_s, httpx_client=self._http
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _do(self, operation: Operation[T]) -> T:
        from guard.zep.classify import failure_of

        try:
            with deadline(self._timeout_s):
                return operation.read(operation.send(self._zep))
        except Exception as error:
            failure = failure_of(error, now=self._clock())
            failure.__cause__ = error
            return operation.settle(failure)

    def read_context(self, thread_id: str) -> Answer:
        """Read the context block of a thread; one that Zep does not know is an answer too."""
        return self._do(operations.read_context(thread_id))

    def add_messages(self, thread_id: str, messages: Sequence[OutgoingMessage]) -> None:
        """Add messages to a thread, in order."""
        self._do(operations.add_messages(thread_id, messages))

    def newest_messages(self, thread_id: str, count: int) -> list[StoredMessage]:
        """Read the newest ``count`` messages, oldest first; an unknown thread has none."""
        return self._do(operations.newest_messages(thread_id, count))

    def ensure_user(self, user_id: str) -> None:
        """Make a user; one that exists is success (400 or 409, contract, section 4)."""
        self._do(operations.ensure_user(user_id))

    def ensure_thread(self, thread_id: str, user_id: str) -> bool:
        """Make a thread; one that exists is success. False if Zep does not know the user."""
        return self._do(operations.ensure_thread(thread_id, user_id))

    def delete_user(self, user_id: str) -> None:
        """Delete a user with threads, messages and facts; one that Zep does not know is success."""
        self._do(operations.delete_user(user_id))
