"""What a part is, found or missing.

PartError
├── PartMissing     it is nowhere, and could not be made
└── PartUnusable    it is there, and is the wrong one or does not run
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part that is there. ``version`` is None if it cannot be told; ``source`` says how it was found."""

    name: str
    path: Path
    version: str | None
    source: str


@dataclass(frozen=True, kw_only=True)
class PartReport:
    """One line of ``zepguard doctor``: a part found, or what to do about it, and what it is used for."""

    name: str
    part: Part | None
    remedy: str | None = None
    optional: bool = False
    used_for: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing needs doing: the part is there, or nothing needs it yet."""
        return self.part is not None or self.optional


class PartError(Exception):
    """The root of what goes wrong with parts: the ``name`` of the part, and the ``remedy``."""

    def __init__(self, name: str, what: str, remedy: str) -> None:
        """Make one sentence of ``what`` happened to part ``name`` and the ``remedy``."""
        self.name = name
        self.what = what
        self.remedy = remedy
        super().__init__(f"{name} {what}: {remedy}.")


class PartMissing(PartError):
    """A part is nowhere, and could not be made."""


class PartUnusable(PartError):
    """A part is there, and cannot be used."""
