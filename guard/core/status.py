"""The operator's status text: the checklist's three lines to the letter, then failures and workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from guard.core.admission import effective_mode
from guard.core.modes import FAILURE_THRESHOLD, Mode
from guard.core.record import Record
from guard.core.worker import Worker, fleet_base

__all__ = ["Status"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """What ``zep_mode --status`` shows. Times are unix seconds by the store's clock."""

    shell_base: Mode
    record: Record
    now: float
    workers: Sequence[Worker] = ()
    failure_threshold: int = FAILURE_THRESHOLD

    @property
    def base(self) -> Mode:
        """The base mode in force, by the live workers; this shell's flags where none is alive."""
        return fleet_base(self.workers, self.shell_base)

    @property
    def effective(self) -> Mode:
        """The lower of base and forced."""
        return effective_mode(self.base, self.record)

    @property
    def warnings(self) -> list[str]:
        """Where a worker's base mode differs from this shell's flags, and what to do about it."""
        return [
            f"{w.name} runs with base mode {w.base}, this shell's flags say {self.shell_base}: "
            f"put the flags where the worker reads them, then `supervisorctl restart {w.program}`"
            for w in self.workers
            if w.base is not self.shell_base
        ]

    def lines(self) -> list[str]:
        """The text, line by line."""
        forced = "None"
        if self.record.reason is not None:
            remaining = ceil(self.record.remaining_s(self.now))
            forced = f"{self.record.forced_mode} (reason={self.record.reason}, remaining=~{remaining}s)"
        lines = [
            f"Base mode (from flags): {self.base}",
            f"Forced mode: {forced}",
            f"Effective mode: {self.effective}",
            f"Failures: {self.record.failures}/{self.failure_threshold}",
            "Workers:" + ("" if self.workers else " none alive"),
        ]
        lines += [f"  {w.name}: {w.base}" for w in self.workers]
        return lines + [f"Warning: {text}" for text in self.warnings]

    def as_json(self) -> dict[str, Any]:
        """The same as plain values; ``remaining_s`` is null when nothing is forced."""
        reason = self.record.reason
        return {
            "base": self.base,
            "forced": None
            if reason is None
            else {
                "mode": self.record.forced_mode,
                "reason": reason,
                "since": self.record.since,
                "until": self.record.until,
                "remaining_s": round(self.record.remaining_s(self.now), 3),
                "operator": self.record.operator,
            },
            "effective": self.effective,
            "generation": self.record.generation,
            "failures": self.record.failures,
            "failure_threshold": self.failure_threshold,
            "shell_base": self.shell_base,
            "workers": [
                {"name": w.name, "program": w.program, "pid": w.pid, "base": w.base, "reads": w.reads}
                for w in self.workers
            ],
            "warnings": self.warnings,
        }
