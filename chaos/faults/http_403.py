"""Zep knows the key and forbids what is asked with it."""

from dataclasses import dataclass
from typing import ClassVar

from chaos.fakezep_admin import FaultSpec, JournalEntry
from chaos.faults._answers import AnswersLive, StatusFault
from chaos.target import ChaosTarget


@dataclass(frozen=True, kw_only=True)
class Http403(StatusFault):
    """Each matching request is answered 403 ``forbidden``, whatever its key."""

    name: ClassVar[str] = "http-403"
    says: ClassVar[str] = "Zep answers 403: the key is known and may not do this"

    def spec(self) -> FaultSpec:
        """Return what is asked of the fake Zep."""
        return FaultSpec(kind="status", status=403, count=self.count, share=self.share, routes=self.routes)

    def is_hit(self, entry: JournalEntry) -> bool:
        """Tell a request answered with 403 by the fault: one refused for a real reason has no fault."""
        return entry.fault == "status" and entry.status == 403

    def on(self, target: ChaosTarget) -> AnswersLive:
        """Return this fault for one target, not started."""
        return AnswersLive(self, target)
