"""Zep has the write and does it later, when the client may have given up: it lands after a retry."""

from dataclasses import dataclass
from typing import ClassVar

from chaos.fakezep_admin import FaultSpec, JournalEntry
from chaos.faults._answers import AnswersLive, require_selection
from chaos.settings import require_number
from chaos.target import ChaosTarget


@dataclass(frozen=True, kw_only=True)
class LateWrite:
    """Each matching request waits ``delay_s`` seconds, then it is done and answered, also if nobody waits any more.

    ``count`` requests are hit, then it ends by itself (None: until stopped); ``share`` of the matching
    requests; ``routes`` by fakezep's names (none: all, reads too).
    """

    name: ClassVar[str] = "late-write"
    says: ClassVar[str] = "Zep does the write delay_s after it came, whether or not the client still waits"

    delay_s: float = 5.0
    count: int | None = None
    share: float = 1.0
    routes: tuple[str, ...] = ("add_messages", "add_messages_batch")

    def __post_init__(self) -> None:
        """Refuse a delay, counts and shares that are none."""
        require_number("delay_s", self.delay_s, low=0.01, high=3_600)
        require_selection(self.count, self.share)

    def spec(self) -> FaultSpec:
        """Return what is asked of the fake Zep."""
        return FaultSpec(
            kind="apply_late", delay_s=self.delay_s, count=self.count, share=self.share, routes=self.routes
        )

    def is_hit(self, entry: JournalEntry) -> bool:
        """Tell a write that has landed late; one that is still held back is not done yet."""
        return entry.fault == "apply_late" and entry.applied

    def on(self, target: ChaosTarget) -> AnswersLive:
        """Return this fault for one target, not started."""
        return AnswersLive(self, target)
