"""Zep refuses the key that was good a moment ago."""

from dataclasses import dataclass
from typing import ClassVar

from chaos.fakezep_admin import FaultSpec, JournalEntry
from chaos.faults._answers import AnswersLive, StatusFault
from chaos.target import ChaosTarget


@dataclass(frozen=True, kw_only=True)
class Http401(StatusFault):
    """Each matching request is answered 401 ``unauthorized``, whatever its key."""

    name: ClassVar[str] = "http-401"
    says: ClassVar[str] = "Zep answers 401: the key is refused"

    def spec(self) -> FaultSpec:
        """Return what is asked of the fake Zep."""
        return FaultSpec(kind="status", status=401, count=self.count, share=self.share, routes=self.routes)

    def is_hit(self, entry: JournalEntry) -> bool:
        """Tell a request answered with 401 by the fault: one refused for a real reason has no fault."""
        return entry.fault == "status" and entry.status == 401

    def on(self, target: ChaosTarget) -> AnswersLive:
        """Return this fault for one target, not started."""
        return AnswersLive(self, target)
