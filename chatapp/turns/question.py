"""What a person asked."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

__all__ = ["Question"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One message of one person, under the id that its turn has in every attempt to answer it."""

    user_id: str
    thread_id: str
    message: str = field(repr=False)
    turn_id: uuid.UUID = field(default_factory=uuid.uuid4)
