"""Sends a question to the workers, without ever holding the event loop or waiting long for the broker."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from kombu.exceptions import KombuError
from redis import RedisError

from chatapp.turns.mailbox import BrokerGone
from chatapp.turns.question import Question

__all__ = ["close", "publish"]

PUBLISH_S = 1.5
"""Longest wait for the broker to take a task, seconds; Celery's own connection gives up a little earlier."""

_THREADS = 8


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="publish")


async def publish(question: Question, *, attempt: int, supersedes: int, expires_s: float) -> None:
    """Send ``question`` to the chat queue as ``attempt``; a worker throws it away after ``expires_s``.

    Raises:
        BrokerGone: refused, or not taken in 1.5 s.
    """
    sent = asyncio.get_running_loop().run_in_executor(_threads(), _send, question, attempt, supersedes, expires_s)
    try:
        await asyncio.wait_for(sent, PUBLISH_S)
    except (KombuError, RedisError, OSError) as error:  # TimeoutError is an OSError
        raise BrokerGone(type(error).__name__) from None


def close() -> None:
    """End the threads; none of them waits longer than the broker's own timeouts."""
    if _threads.cache_info().currsize:
        _threads().shutdown(wait=False, cancel_futures=True)
        _threads.cache_clear()


def _send(question: Question, attempt: int, supersedes: int, expires_s: float) -> None:
    from chatapp.turns.tasks import answer_turn

    withheld: dict[str, Any] = {"argsrepr": "", "kwargsrepr": ""}  # or the headers, which Celery may log, had the text
    answer_turn.apply_async(
        kwargs={
            "turn_id": str(question.turn_id),
            "attempt": attempt,
            "supersedes": supersedes,
            "user_id": question.user_id,
            "thread_id": question.thread_id,
            "message": question.message,
        },
        expires=expires_s,
        retry=False,
        **withheld,
    )
