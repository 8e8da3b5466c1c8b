"""Zep will not have this one message, whoever sends it and how often."""

from dataclasses import dataclass
from typing import ClassVar

from chaos.fakezep_admin import FaultSpec, JournalEntry
from chaos.faults._answers import AnswersLive, StatusFault
from chaos.settings import require_number
from chaos.target import ChaosTarget


@dataclass(frozen=True, kw_only=True)
class MessageRefused(StatusFault):
    """Each write with a message that has the text ``content`` is answered ``status``, and none of it is stored."""

    name: ClassVar[str] = "message-refused"
    says: ClassVar[str] = "Zep answers 400 (status) to a write with a message that has the text content"

    routes: tuple[str, ...] = ("add_messages", "add_messages_batch")
    status: int = 400
    content: str = ""

    def __post_init__(self) -> None:
        """Refuse a status that is no refusal, and what no status fault can have."""
        super().__post_init__()
        require_number("status", self.status, low=400, high=499, whole=True)

    def spec(self) -> FaultSpec:
        """Return what is asked of the fake Zep."""
        return FaultSpec(
            kind="status",
            status=self.status,
            count=self.count,
            share=self.share,
            routes=self.routes,
            content=self.content or None,
        )

    def is_hit(self, entry: JournalEntry) -> bool:
        """Tell a write that was answered with this status by the fault."""
        return entry.fault == "status" and entry.status == self.status and bool(entry.messages)

    def on(self, target: ChaosTarget) -> AnswersLive:
        """Return this fault for one target, not started."""
        return AnswersLive(self, target)
