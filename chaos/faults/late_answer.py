"""Zep does what it is asked at once and answers later: the client hears of another time."""

from dataclasses import dataclass
from typing import ClassVar

from chaos.fakezep_admin import FaultSpec, JournalEntry
from chaos.faults._answers import AnswersLive, require_selection
from chaos.settings import require_number
from chaos.target import ChaosTarget


@dataclass(frozen=True, kw_only=True)
class LateAnswer:
    """Each matching request is done, and answered ``delay_s`` seconds later; a refusal comes late too.

    ``count`` requests are hit, then it ends by itself (None: until stopped); ``share`` of the matching
    requests; ``routes`` by fakezep's names (none: all).
    """

    name: ClassVar[str] = "late-answer"
    says: ClassVar[str] = "Zep answers reads of context (routes) delay_s late, and others at once"

    delay_s: float = 5.0
    count: int | None = None
    share: float = 1.0
    routes: tuple[str, ...] = ("context",)

    def __post_init__(self) -> None:
        """Refuse a delay, counts and shares that are none."""
        require_number("delay_s", self.delay_s, low=0.01, high=3_600)
        require_selection(self.count, self.share)

    def spec(self) -> FaultSpec:
        """Return what is asked of the fake Zep."""
        return FaultSpec(
            kind="answer_late", delay_s=self.delay_s, count=self.count, share=self.share, routes=self.routes
        )

    def is_hit(self, entry: JournalEntry) -> bool:
        """Tell a request whose answer was held back."""
        return entry.fault == "answer_late"

    def on(self, target: ChaosTarget) -> AnswersLive:
        """Return this fault for one target, not started."""
        return AnswersLive(self, target)
