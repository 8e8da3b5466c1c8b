"""The outbox as ``zep_mode --outbox`` shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from guard.outbox.rows import Counts, DeadLetter

__all__ = ["outbox_report"]


def outbox_report(counts: Counts, letters: Sequence[DeadLetter], now: float) -> tuple[str, dict[str, Any]]:
    """Make the text and the plain values; no message's text is in either.

    Args:
        counts: of the outbox.
        letters: the dead letters, oldest first.
        now: unix seconds.
    """
    age_s = None if counts.oldest is None else round(max(now - counts.oldest, 0.0), 1)
    waits = f"{counts.depth} on their way ({counts.sending} being sent)"
    lines = [f"Outbox: {waits}" + (f", the oldest for {age_s:g} s" if age_s is not None else "")]
    lines.append(f"Dead letters: {counts.dead}")
    lines += [
        f"  {letter.key}: {letter.role} of thread {letter.thread_id}, user {letter.user_id}, "
        f"{max(now - letter.died_at, 0.0):.0f} s ago: {letter.reason}" + (" (may be in Zep already)" * letter.unknown)
        for letter in letters
    ]
    state = {
        "pending": counts.pending,
        "sending": counts.sending,
        "dead": counts.dead,
        "oldest_age_s": age_s,
        "dead_letters": [_letter(letter) for letter in letters],
    }
    return "\n".join(lines), state


def _letter(letter: DeadLetter) -> dict[str, Any]:
    return {
        "letter": letter.key,
        "outbox_id": letter.outbox_id,
        "user_id": letter.user_id,
        "thread_id": letter.thread_id,
        "role": letter.role,
        "reason": letter.reason,
        "died_at": letter.died_at,
        "attempts": letter.attempts,
        "unknown": letter.unknown,
    }
