"""Which gate to ask first, learnt from the last matrix: ``defects/learnt.json``, which ``--learn`` writes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zepguard.defects.patches import Defect, DefectError

__all__ = ["LEARNT", "Learnt"]

LEARNT = "learnt.json"
"""In the folder of the defects."""


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """What the last matrix told: who caught what, and the seconds that each gate took on the clean tree."""

    caught: Mapping[str, Sequence[str]] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Learnt:
        """Read it; nothing is known where there is none.

        Raises:
            DefectError: the file is none of ours.
        """
        path = folder / LEARNT
        if not path.is_file():
            return cls()
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            return cls(caught=told["caught"], seconds=told["seconds"])
        except (ValueError, KeyError, TypeError) as error:
            raise DefectError(f"{path} cannot be read ({error}): delete it, and run with --learn") from error

    def write(self, folder: Path) -> None:
        """Write it, in an order that does not change by itself."""
        told = {
            "caught": {name: list(gates) for name, gates in sorted(self.caught.items())},
            "seconds": dict(sorted(self.seconds.items())),
        }
        (folder / LEARNT).write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def first(self, defect: Defect) -> list[str]:
        """The gates to ask first: its own of the last time, its item's, then those that catch most in a second."""
        own = sorted(self.caught.get(defect.name, ()), key=self._seconds)
        catches = Counter(gate for gates in self.caught.values() for gate in gates)
        names = {*catches, *self.seconds} - set(own)
        return [*own, f"@{defect.item}", *sorted(names, key=lambda gate: (-catches[gate] / self._seconds(gate), gate))]

    def _seconds(self, gate: str) -> float:
        return max(self.seconds.get(gate, 1.0), 0.05)
