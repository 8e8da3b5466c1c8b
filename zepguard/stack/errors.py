"""The errors of the stack.

StackError                  the root; says what happened, to what, and what to do next
├── EnvFileError            the env file cannot be read or written (also a ValueError)
├── StackInfoError          a stack's description is not one (also a ValueError)
├── StackUsageError         the caller asked for a stack that cannot be (also a ValueError)
├── StartFailed             a program died or did not get ready
│   └── PortTaken           ... since another process took its port meanwhile: the start is tried again
└── SupervisorUnreachable   supervisord does not answer, or refused
"""

from __future__ import annotations

__all__ = [
    "EnvFileError",
    "PortTaken",
    "StackError",
    "StackInfoError",
    "StackUsageError",
    "StartFailed",
    "SupervisorUnreachable",
]


class StackError(Exception):
    """The root: catching it catches all that the stack raises on purpose."""


class EnvFileError(StackError, ValueError):
    """The env file, or one line of it, cannot be used."""


class StackInfoError(StackError, ValueError):
    """A description of a running stack lacks something, or is none."""


class StackUsageError(StackError, ValueError):
    """A stack cannot be started as asked; nothing was started."""


class StartFailed(StackError):
    """A program of the stack died or did not get ready in time; all of the stack was taken down."""


class PortTaken(StartFailed):
    """A port that was free when it was chosen is not any more."""


class SupervisorUnreachable(StackError):
    """The supervisor of this stack does not answer, or refused what was asked."""
