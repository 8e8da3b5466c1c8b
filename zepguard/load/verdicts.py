"""What a judge says of a run, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from zepguard.exit_codes import ExitCode
from zepguard.load.stages import Limit

__all__ = ["EXIT_CODES", "Figure", "Finding", "Judgement", "Unknown", "Verdict", "told"]


class Verdict(StrEnum):
    """Of one limit, and of a run."""

    GO = "go"
    NO_GO = "no go"
    INCONCLUSIVE = "inconclusive"


EXIT_CODES = {
    Verdict.GO: ExitCode.GO,
    Verdict.NO_GO: ExitCode.NO_GO,
    Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
}
"""How a command ends with a verdict."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A figure and how it is told.

    ``samples`` is of how many it is, None for what was counted and not sampled; ``asked`` is the PromQL, if any.
    """

    value: float
    says: str
    samples: float | None = None
    asked: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """No figure, and why."""

    why: str
    asked: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What was seen of one limit; ``seen`` is a sentence with the figures, ``asked`` the PromQL, if any."""

    limit: Limit
    verdict: Verdict
    seen: str
    asked: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """The findings on each limit, and the doubts that take the worth from all of them."""

    stage: str
    findings: tuple[Finding, ...]
    doubts: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """Doubt makes a run inconclusive; else one broken limit is a no go, and one undecided limit no go-ahead."""
        found = {one.verdict for one in self.findings}
        if self.doubts:
            return Verdict.INCONCLUSIVE
        for verdict in (Verdict.NO_GO, Verdict.INCONCLUSIVE, Verdict.GO):
            if verdict in found:
                return verdict
        return Verdict.INCONCLUSIVE

    def as_json(self) -> dict[str, Any]:
        """As ``judgement.json`` holds it."""
        return {
            "stage": self.stage,
            "verdict": str(self.verdict),
            "doubts": list(self.doubts),
            "findings": [
                {
                    "item": one.limit.item,
                    "measure": str(one.limit.measure),
                    "bound": str(one.limit.bound),
                    "number": one.limit.number,
                    "verdict": str(one.verdict),
                    "seen": one.seen,
                }
                for one in self.findings
            ],
        }


def told(judgement: Judgement) -> str:
    """The judgement as lines: one a limit, one a doubt, the verdict last."""
    width = max((len(one.limit.item) for one in judgement.findings), default=0)
    lines = [f"{one.verdict:<12}  {one.limit.item:<{width}}  {one.limit}: {one.seen}" for one in judgement.findings] + [
        f"doubt: {doubt}" for doubt in judgement.doubts
    ]
    return "\n".join([*lines, f"{judgement.verdict.upper()}: {judgement.stage}"])
