"""Zep has had too many requests."""

from dataclasses import dataclass
from typing import ClassVar

from chaos.fakezep_admin import FaultSpec, JournalEntry
from chaos.faults._answers import AnswersLive, StatusFault
from chaos.settings import require_number
from chaos.target import ChaosTarget


@dataclass(frozen=True, kw_only=True)
class Http429(StatusFault):
    """Each matching request is answered 429, with ``Retry-After: retry_after_s`` (None: without).

    ``as_date``: the header says when, in GMT and whole seconds, and not how long.
    """

    name: ClassVar[str] = "http-429"
    says: ClassVar[str] = "Zep answers 429: too many requests, come back in retry_after_s"

    retry_after_s: int | None = 5
    as_date: bool = False

    def __post_init__(self) -> None:
        """Refuse a wait that is none, and what no status fault can have."""
        super().__post_init__()
        if self.retry_after_s is not None:
            require_number("retry_after_s", self.retry_after_s, low=0, high=3_600, whole=True)

    def spec(self) -> FaultSpec:
        """Return what is asked of the fake Zep."""
        return FaultSpec(
            kind="status",
            status=429,
            retry_after_s=self.retry_after_s,
            retry_after_date=self.as_date or None,
            count=self.count,
            share=self.share,
            routes=self.routes,
        )

    def is_hit(self, entry: JournalEntry) -> bool:
        """Tell a request answered with 429 by the fault: one refused for a real reason has no fault."""
        return entry.fault == "status" and entry.status == 429

    def on(self, target: ChaosTarget) -> AnswersLive:
        """Return this fault for one target, not started."""
        return AnswersLive(self, target)
