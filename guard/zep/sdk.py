"""``ZepCalls`` over the official ``zep-cloud`` 3.30 SDK.

The SDK neither adds its path prefix to a given ``base_url`` nor retries unless asked (contract, sections 2 and 3);
the prefix is added here, retries stay off: the guard decides what is tried again, and when.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx

from guard.core.ids import check_id
from guard.core.table import Outcome
from guard.zep.calls import Answer, OutgoingMessage, StoredMessage, ZepFailure
from guard.zep.deadline import DeadlineTransport, deadline

if TYPE_CHECKING:
    from zep_cloud.base_client import BaseClient
    from zep_cloud.core.request_options import RequestOptions

__all__ = ["OUTBOX_ID", "PATH_PREFIX", "SdkZep"]

PATH_PREFIX = "/api/v2"
"""Of the v3 SDK (contract, section 1)."""

OUTBOX_ID = "outbox_id"
"""Metadata key by which a message of unknown fate is looked up."""

_NO_RETRIES: RequestOptions = {"max_retries": 0}


class SdkZep:
    """Calls Zep with the SDK; one instance serves many threads.

    Args:
        base_url: the server's root.
        api_key: the project's key.
        timeout_s: deadline of each call, connect to last byte.
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
        self._http = httpx.Client(transport=transport or DeadlineTransport(), timeout=timeout_s, trust_env=False)
        # Its subclass ``Zep`` lets ZEP_API_URL win over ``base_url``, whenever it came into the environment.
        self._zep: BaseClient = BaseClient(
            api_key=api_key, base_url=base_url + PATH_PREFIX, timeout=timeout_s, httpx_client=self._http
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @contextmanager
    def _call(self) -> Iterator[None]:
        from guard.zep.classify import failure_of

        try:
            with deadline(self._timeout_s):
                yield
        except ZepFailure:
            raise
        except Exception as error:
            raise failure_of(error, now=self._clock()) from error

    def read_context(self, thread_id: str) -> Answer:
        """Read the context block of a thread; one that Zep does not know is an answer too."""
        check_id("thread", thread_id)
        try:
            with self._call():
                block = self._zep.thread.get_user_context(thread_id, request_options=_NO_RETRIES)
        except ZepFailure as failure:
            if failure.outcome is Outcome.NOT_FOUND:
                return Answer(text="", found=False)
            raise
        return Answer(text=block.context or "")

    def add_messages(self, thread_id: str, messages: Sequence[OutgoingMessage]) -> None:
        """Add messages to a thread, in order."""
        from zep_cloud.types import Message

        check_id("thread", thread_id)
        with self._call():
            self._zep.thread.add_messages(
                thread_id,
                messages=[
                    Message(
                        role=m.role,
                        content=m.content,
                        created_at=m.created_at,
                        metadata={OUTBOX_ID: m.outbox_id},
                    )
                    for m in messages
                ],
                request_options=_NO_RETRIES,
            )

    def newest_messages(self, thread_id: str, count: int) -> list[StoredMessage]:
        """Read the newest ``count`` messages, oldest first; an unknown thread has none."""
        check_id("thread", thread_id)
        try:
            with self._call():
                page = self._zep.thread.get(thread_id, lastn=count, request_options=_NO_RETRIES)
        except ZepFailure as failure:
            if failure.outcome is Outcome.NOT_FOUND:
                return []
            raise
        return [
            StoredMessage(uuid=m.uuid_ or "", role=m.role, outbox_id=str((m.metadata or {}).get(OUTBOX_ID, "")))
            for m in page.messages or []
        ]

    def ensure_user(self, user_id: str) -> None:
        """Make a user; one that exists is success (400 or 409, contract, section 4)."""
        check_id("user", user_id)
        with self._exists_is_success(), self._call():
            self._zep.user.add(user_id=user_id, request_options=_NO_RETRIES)

    def ensure_thread(self, thread_id: str, user_id: str) -> bool:
        """Make a thread; one that exists is success. False if Zep does not know the user."""
        check_id("thread", thread_id)
        check_id("user", user_id)
        try:
            with self._exists_is_success(), self._call():
                self._zep.thread.create(thread_id=thread_id, user_id=user_id, request_options=_NO_RETRIES)
        except ZepFailure as failure:
            if _user_unknown(failure):
                return False
            raise
        return True

    @contextmanager
    def _exists_is_success(self) -> Iterator[None]:
        try:
            yield
        except ZepFailure as failure:
            if failure.outcome is not Outcome.REFUSED or not _already_exists(failure):
                raise


def _already_exists(failure: ZepFailure) -> bool:
    return failure.status == 409 or "already exists" in _body(failure)


def _user_unknown(failure: ZepFailure) -> bool:
    """A 400 with "user not found" or "does not exist", or a 404 (contract, section 4)."""
    said = _body(failure)
    named = "user not found" in said or "does not exist" in said
    return failure.outcome is Outcome.NOT_FOUND or (failure.outcome is Outcome.REFUSED and named)


def _body(failure: ZepFailure) -> str:
    return str(getattr(failure.__cause__, "body", ""))
