"""Something in front of Zep answers in its place: a proxy's word on maintenance, or an error of its own."""

from dataclasses import dataclass
from typing import ClassVar

from chaos.fakezep_admin import FaultSpec, JournalEntry
from chaos.faults._answers import AnswersLive, StatusFault
from chaos.settings import require_number
from chaos.target import ChaosTarget


@dataclass(frozen=True, kw_only=True)
class Maintenance(StatusFault):
    """Each matching request is answered ``status`` with JSON that is none of Zep's, and nothing is done."""

    name: ClassVar[str] = "maintenance"
    says: ClassVar[str] = "a proxy answers status (200) with JSON that is none of Zep's, and nothing is done"

    status: int = 200

    def __post_init__(self) -> None:
        """Refuse what is no status, and what no status fault can have."""
        super().__post_init__()
        require_number("status", self.status, low=200, high=599, whole=True)

    def spec(self) -> FaultSpec:
        """Return what is asked of the fake Zep."""
        return FaultSpec(
            kind="status",
            status=self.status,
            body={"maintenance": "back soon"},
            count=self.count,
            share=self.share,
            routes=self.routes,
        )

    def is_hit(self, entry: JournalEntry) -> bool:
        """Tell a request answered by the fault: one that Zep answered itself has no fault."""
        return entry.fault == "status" and entry.status == self.status

    def on(self, target: ChaosTarget) -> AnswersLive:
        """Return this fault for one target, not started."""
        return AnswersLive(self, target)
