"""The calls to Zep, once for threads and coroutines: what is asked of the SDK, and how its answer is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from guard.core.characters import whole_characters
from guard.core.ids import check_id
from guard.core.table import Outcome
from guard.zep.calls import Answer, OutgoingMessage, StoredMessage, ZepFailure

if TYPE_CHECKING:
    from zep_cloud.core.request_options import RequestOptions

__all__ = [
    "OUTBOX_ID",
    "PATH_PREFIX",
    "Operation",
    "WrongShape",
    "add_messages",
    "delete_user",
    "ensure_thread",
    "ensure_user",
    "newest_messages",
    "read_context",
]

PATH_PREFIX = "/api/v2"
"""Of the v3 SDK (contract, section 1)."""

OUTBOX_ID = "outbox_id"
"""Metadata key by which a message of unknown fate is looked up."""

_NO_RETRIES: RequestOptions = {"max_retries": 0}

T = TypeVar("T")


class WrongShape(Exception):
    """JSON that the SDK took, and that does not say what was asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation(Generic[T]):
    """One call.

    Attributes:
        send: makes the SDK's request; the SDK is ``BaseClient``, or ``AsyncBaseClient`` and gives an awaitable.
        read: gives the result from the SDK's answer.
        settle: gives the result where a failure is an answer too, and raises the others.
    """

    send: Callable[[Any], Any]
    read: Callable[[Any], T]
    settle: Callable[[ZepFailure], T]


def read_context(thread_id: str) -> Operation[Answer]:
    """Read the context block of a thread; one that Zep does not know is an answer too."""
    check_id("thread", thread_id)
    return Operation(
        send=lambda sdk: sdk.thread.get_user_context(thread_id, request_options=_NO_RETRIES),
        read=lambda block: Answer(text=whole_characters(_known(block).context or "")),
        settle=_unless_unknown(lambda: Answer(text="", found=False)),
    )


def add_messages(thread_id: str, messages: Sequence[OutgoingMessage]) -> Operation[None]:
    """Add messages to a thread, in order."""
    check_id("thread", thread_id)

    def send(sdk: Any) -> Any:
        from zep_cloud.types import Message

        outgoing = [
            Message(role=m.role, content=m.content, created_at=m.created_at, metadata={OUTBOX_ID: m.outbox_id})
            for m in messages
        ]
        return sdk.thread.add_messages(thread_id, messages=outgoing, request_options=_NO_RETRIES)

    return Operation(send=send, read=_done, settle=_never)


def newest_messages(thread_id: str, count: int) -> Operation[list[StoredMessage]]:
    """Read the newest ``count`` messages, oldest first; an unknown thread has none."""
    check_id("thread", thread_id)
    return Operation(
        send=lambda sdk: sdk.thread.get(thread_id, lastn=count, request_options=_NO_RETRIES),
        read=_messages,
        settle=_unless_unknown(list),
    )


def ensure_user(user_id: str) -> Operation[None]:
    """Make a user; one that exists is success (400 or 409, contract, section 4)."""
    check_id("user", user_id)

    def settle(failure: ZepFailure) -> None:
        if not _already_exists(failure):
            raise failure

    return Operation(
        send=lambda sdk: sdk.user.add(user_id=user_id, request_options=_NO_RETRIES), read=_done, settle=settle
    )


def ensure_thread(thread_id: str, user_id: str) -> Operation[bool]:
    """Make a thread; one that exists is success. False if Zep does not know the user."""
    check_id("thread", thread_id)
    check_id("user", user_id)

    def read(thread: Any) -> bool:
        _known(thread)
        return True

    def settle(failure: ZepFailure) -> bool:
        if _already_exists(failure):
            return True
        if _user_unknown(failure):
            return False
        raise failure

    return Operation(
        send=lambda sdk: sdk.thread.create(thread_id=thread_id, user_id=user_id, request_options=_NO_RETRIES),
        read=read,
        settle=settle,
    )


def delete_user(user_id: str) -> Operation[None]:
    """Delete a user, whose threads go too (contract, section 6); one that Zep does not know is success."""
    check_id("user", user_id)

    def settle(failure: ZepFailure) -> None:
        if failure.status not in (204, 404):  # the SDK calls a 204 an error, for want of JSON (contract, section 3)
            raise failure

    return Operation(send=lambda sdk: sdk.user.delete(user_id, request_options=_NO_RETRIES), read=_done, settle=settle)


def _known(answer: Any) -> Any:
    """Refuse an object that has fields, and none of those that this answer can have.

    All fields of the SDK's answers are optional, so it takes any object; a proxy's word on maintenance would be an
    empty context, or a message that was stored.
    """
    unknown = set(answer.model_extra or ())
    if unknown and not answer.model_fields_set - unknown:
        raise WrongShape(f"none of its {len(unknown)} fields is one of {type(answer).__name__}")
    return answer


def _messages(page: Any) -> list[StoredMessage]:
    if not _known(page).model_fields_set:  # taken for an empty thread it would send a message twice
        raise WrongShape("a page of messages without any field")
    return [
        StoredMessage(uuid=m.uuid_ or "", role=m.role, outbox_id=str((m.metadata or {}).get(OUTBOX_ID, "")))
        for m in page.messages or []
    ]


def _done(answer: Any) -> None:
    _known(answer)


def _never(failure: ZepFailure) -> None:
    raise failure


def _unless_unknown(otherwise: Callable[[], T]) -> Callable[[ZepFailure], T]:
    def settle(failure: ZepFailure) -> T:
        if failure.outcome is not Outcome.NOT_FOUND:
            raise failure
        return otherwise()

    return settle


def _already_exists(failure: ZepFailure) -> bool:
    """A 409, or a 400 that says so (contract, section 4)."""
    refused = failure.outcome is Outcome.REFUSED
    return refused and (failure.status == 409 or "already exists" in _body(failure))


def _user_unknown(failure: ZepFailure) -> bool:
    """A 400 with "user not found" or "does not exist", or a 404 (contract, section 4)."""
    said = _body(failure)
    named = "user not found" in said or "does not exist" in said
    return failure.outcome is Outcome.NOT_FOUND or (failure.outcome is Outcome.REFUSED and named)


def _body(failure: ZepFailure) -> str:
    return str(getattr(failure.__cause__, "body", ""))
