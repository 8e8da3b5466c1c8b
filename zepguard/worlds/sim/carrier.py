"""Carries a turn to the worker and back without a broker: the worker answers in place, while the web listens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from asgiref.sync import sync_to_async

from chatapp.memory import read_context
from chatapp.turns.answering import answer
from chatapp.turns.asking import Carrier
from chatapp.turns.events import Said, decode, encode
from chatapp.turns.question import Question
from guard.service import MemoryService

__all__ = ["InPlace"]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Task:
    question: Question
    attempt: int
    supersedes: int


class InPlace:
    """The worker's end and the web's in one. A question waits until the web listens, then it is answered whole.

    So the web hears all events of an attempt at the time of its last one: its patience between them is not tried.

    Args:
        worker: gives the chat worker's service, or None while it does not run.
        sleep: lets virtual time pass.
        answered: called when an answer is committed (the nudge).

    Attributes:
        loses_next: what the worker says next of a turn does not arrive; false again once it was lost.
        lost: how often that was so.
    """

    def __init__(
        self,
        worker: Callable[[], MemoryService | None],
        *,
        sleep: Callable[[float], None],
        answered: Callable[[], None],
    ) -> None:
        self._worker = worker
        self._sleep = sleep
        self._answered = answered
        self._queue: list[_Task] = []
        self.loses_next = False
        self.lost = 0

    @property
    def carrier(self) -> Carrier:
        """What the web is given."""
        return Carrier(publish=self._publish, listen=self._listen)

    async def _publish(self, question: Question, *, attempt: int, supersedes: int, expires_s: float) -> None:
        self._queue.append(_Task(question=question, attempt=attempt, supersedes=supersedes))

    async def _listen(self, question: Question, attempts: int, wait_s: float) -> list[tuple[int, Said]]:
        said: list[tuple[int, Said]] = await sync_to_async(self._work)(wait_s)
        return said

    def _work(self, wait_s: float) -> list[tuple[int, Said]]:
        worker = self._worker()
        if worker is None or not self._queue:
            self._queue.clear()  # tasks expire with their turn's deadline, and a turn is sent again
            self._sleep(max(wait_s, 0.01))
            return []
        return self._answer(self._queue.pop(0), worker)

    def _answer(self, task: _Task, worker: MemoryService) -> list[tuple[int, Said]]:
        said: list[bytes] = []
        if answer(
            task.question,
            attempt=task.attempt,
            supersedes=task.supersedes,
            read_context=partial(read_context, by=worker),
            post=lambda *events: said.extend(map(encode, events)),
        ):
            self._answered()
        if self.loses_next:
            self.loses_next, self.lost = False, self.lost + 1
            return []
        return [(task.attempt, decode(one)) for one in said]
