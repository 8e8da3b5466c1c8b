"""Zep does the write and its answer never comes: a blind retry stores it twice."""

from dataclasses import dataclass
from typing import ClassVar

from chaos.fakezep_admin import FaultSpec, JournalEntry
from chaos.faults._answers import AnswersLive, require_selection
from chaos.target import ChaosTarget


@dataclass(frozen=True, kw_only=True)
class LostAnswer:
    """Each matching request is done, then its connection is closed without an answer.

    ``count`` requests are hit, then it ends by itself (None: until stopped); ``share`` of the matching
    requests; ``routes`` by fakezep's names (none: all, reads too).
    """

    name: ClassVar[str] = "lost-answer"
    says: ClassVar[str] = "Zep does the write and the answer is lost"

    count: int | None = None
    share: float = 1.0
    routes: tuple[str, ...] = ("add_messages", "add_messages_batch")

    def __post_init__(self) -> None:
        """Refuse counts and shares that are none."""
        require_selection(self.count, self.share)

    def spec(self) -> FaultSpec:
        """Return what is asked of the fake Zep."""
        return FaultSpec(kind="lose_answer", count=self.count, share=self.share, routes=self.routes)

    def is_hit(self, entry: JournalEntry) -> bool:
        """Tell a write that was done and never answered. A probe would have to write, so none is sent."""
        return entry.fault == "lose_answer" and entry.applied and entry.status is None

    def on(self, target: ChaosTarget) -> AnswersLive:
        """Return this fault for one target, not started."""
        return AnswersLive(self, target)
