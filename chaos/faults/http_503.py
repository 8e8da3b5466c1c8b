"""Zep is there and cannot."""

from dataclasses import dataclass
from typing import ClassVar

from chaos.fakezep_admin import FaultSpec, JournalEntry
from chaos.faults._answers import AnswersLive, StatusFault
from chaos.target import ChaosTarget


@dataclass(frozen=True, kw_only=True)
class Http503(StatusFault):
    """Each matching request is answered 503 and nothing is done."""

    name: ClassVar[str] = "http-503"
    says: ClassVar[str] = "Zep answers 503: unavailable"

    def spec(self) -> FaultSpec:
        """Return what is asked of the fake Zep."""
        return FaultSpec(kind="status", status=503, count=self.count, share=self.share, routes=self.routes)

    def is_hit(self, entry: JournalEntry) -> bool:
        """Tell a request answered with 503 by the fault: one refused for a real reason has no fault."""
        return entry.fault == "status" and entry.status == 503

    def on(self, target: ChaosTarget) -> AnswersLive:
        """Return this fault for one target, not started."""
        return AnswersLive(self, target)
