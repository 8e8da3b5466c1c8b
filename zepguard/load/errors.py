"""What can be wrong with a load run, drawn as a tree.

LoadError
├── StagesRefused    stages.toml cannot be used
├── SamplesRefused   a file of samples cannot be read
├── StackUnfit       the stack cannot serve both arms
└── GeneratorFailed  Locust ended without a whole run
"""

from __future__ import annotations

__all__ = ["GeneratorFailed", "LoadError", "SamplesRefused", "StackUnfit", "StagesRefused"]


class LoadError(Exception):
    """The message says what happened, to what, and what to do next."""


class StagesRefused(LoadError):
    """``stages.toml`` cannot be used; names file, line and key."""


class SamplesRefused(LoadError):
    """A file of samples cannot be read; names file and line."""


class StackUnfit(LoadError):
    """The stack cannot serve threads with memory and without."""


class GeneratorFailed(LoadError):
    """Locust ended before it had written a whole run."""
