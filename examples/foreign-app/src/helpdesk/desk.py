"""The desk: answers from what it remembers of a person, and without it where memory may not be read."""

from __future__ import annotations

from dataclasses import dataclass

from guard import MemoryService

__all__ = ["Answer", "Desk"]


@dataclass(frozen=True)
class Answer:
    """What a person gets; ``remembered`` says whether memory was used."""

    text: str
    remembered: bool


class Desk:
    """Answers questions.

    Args:
        memory: the guard.
    """

    def __init__(self, memory: MemoryService) -> None:
        self._memory = memory

    def ask(self, person: str, thread: str, question: str) -> Answer:
        """Answer a question; never fails because memory does."""
        context = self._memory.read_context(user_id=person, thread_id=thread)
        known = f"We know that {context.text}. " if context.used else ""
        return Answer(text=f"{known}We look into it: {question}", remembered=context.used)
