"""What an operator can do to the outbox: see it, send dead letters again or drop them, forget a person."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from guard.core.ids import check_id
from guard.errors import StoreUnavailable
from guard.logs import get_logger
from guard.outbox.rows import Counts, DeadLetter, OutboxRows
from guard.service import MemoryService
from guard.sight import VIEW_AGE_S_MAX

__all__ = ["Erasure", "OutboxOperator"]

_LETTERS_A_STEP = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Erasure:
    """What ``forget_user`` did. ``undone`` says what is left to do, and is empty when all is gone.

    Attributes:
        messages: rows of the outbox that went.
        dead_letters: dead letters that went.
        contexts: contexts that went from the guard's store; the processes' own go within a second.
        zep: whether Zep has deleted the user, or never had one.
        undone: what could not be done, and what to do about it.
    """

    messages: int
    dead_letters: int
    contexts: int
    zep: bool
    undone: tuple[str, ...] = ()


class OutboxOperator:
    """An operator's hand on the outbox.

    Args:
        service: the guard; its store and its way to Zep are used.
        rows: the outbox.
        apart: this process serves no turns itself: without a shared store it reaches nobody's contexts.
        pause: waits so many seconds.
        clock: gives unix seconds; by default the outbox's.
    """

    def __init__(
        self,
        service: MemoryService,
        rows: OutboxRows,
        *,
        apart: bool = False,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._service = service
        self._apart = apart
        self._rows = rows
        self._pause = pause
        self._clock = clock or rows.now
        self._log = get_logger("guard.outbox")

    def counts(self) -> Counts:
        """How many messages wait, are under way and are dead."""
        return self._rows.counts()

    def dead_letters(self) -> Iterator[DeadLetter]:
        """All dead letters, oldest first."""
        after = 0
        while found := self._rows.dead_letters(after=after, limit=_LETTERS_A_STEP):
            yield from found
            after = found[-1].key

    def send_again(self, key: int) -> bool:
        """Put a dead letter back into the outbox; False if there is none of that key."""
        done = self._rows.send_again(key)
        if done:
            self._log.warning("outbox_sent_again", letter=key)
        return done

    def drop(self, key: int) -> bool:
        """Delete a dead letter; False if there is none of that key."""
        done = self._rows.drop(key)
        if done:
            self._log.warning("outbox_dropped", letter=key)
        return done

    def forget_user(self, user_id: str) -> Erasure:
        """Delete a person's messages, Zep's own copy, then the contexts; one audit line in the log, whatever happened.

        Contexts go last: a turn that reads meanwhile would keep anew what Zep still has.

        Waits for requests that are under way and may land at Zep yet: the claim's lease and ``settle_s`` at the most.

        Raises:
            UnsafeId: an id that no user can have.
        """
        check_id("user", user_id)
        messages, letters = self._empty_outbox(user_id)
        in_the_way = self._delete_at_zep(user_id)
        contexts, undone = self._drop_contexts(user_id)
        if in_the_way:
            undone.append(in_the_way)
        erasure = Erasure(
            messages=messages, dead_letters=letters, contexts=contexts, zep=not in_the_way, undone=tuple(undone)
        )
        self._log.warning(
            "user_forgotten",
            user_id=user_id,
            messages=messages,
            dead_letters=letters,
            contexts=contexts,
            zep=erasure.zep,
            undone=list(undone),
        )
        return erasure

    def _empty_outbox(self, user_id: str) -> tuple[int, int]:
        messages = letters = 0
        settle_s = self._service.settings.outbox_settle_s
        while True:
            now = self._clock()
            gone = self._rows.forget_user(user_id, now=now, settle_s=settle_s)
            messages, letters = messages + gone.messages, letters + gone.dead_letters
            if gone.done:
                return messages, letters
            self._pause(max(gone.wait_until - now, 0.05))

    def _drop_contexts(self, user_id: str) -> tuple[int, list[str]]:
        if self._apart and not self._service.settings.redis_url:
            return 0, [
                "contexts in the memory of each worker, out of reach without GUARD_REDIS_URL: set it as the workers "
                "have it; if they have none, restart them, or wait ten minutes"
            ]
        try:
            store = self._service.patient_store()
            dropped = store.forget_user(user_id)
            self._pause(VIEW_AGE_S_MAX)  # until no worker has them in its own layer either
        except StoreUnavailable as error:
            return 0, [f"cached contexts, which end within ten minutes by themselves: {error}"]
        return dropped, []

    def _delete_at_zep(self, user_id: str) -> str:
        """Delete Zep's copy; gives what is in the way, if something is."""
        done = self._service.write("", lambda zep: zep.delete_user(user_id))
        if done.ok:
            return ""
        why = done.detail if not done.sent else f"{done.failure}"
        return f"Zep's copy ({why}): run the same command again once Zep can be reached"
