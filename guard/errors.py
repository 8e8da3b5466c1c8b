"""The error tree, split by whose fault it was.

    GuardError                  never raised itself
    ├── CallerError             the caller asked for something that cannot be
    │   ├── SettingsError       an environment variable (or pair of them) is wrong
    │   ├── UnknownReason       a reason outside the checklist's five
    │   ├── HoldOutOfRange      a hold shorter than 1 s or longer than 24 h
    │   ├── UnknownRegion       a region for phone numbers that has no numbering plan
    │   ├── UnsafeId            an id that would ask Zep for another path
    │   └── MessageRefused      a message that the outbox does not take
    ├── StoreUnavailable        the guard's store did not answer, or not sensibly
    └── ZepError                a call to Zep did not give an answer (see ``guard.zep``)

Every message says what happened, to what, and what to do next.
"""

from __future__ import annotations

__all__ = [
    "CallerError",
    "GuardError",
    "HoldOutOfRange",
    "MessageRefused",
    "SettingsError",
    "StoreUnavailable",
    "UnknownReason",
    "UnknownRegion",
    "UnsafeId",
]


class GuardError(Exception):
    """Root of every error that the guard raises."""


class CallerError(GuardError, ValueError):
    """The caller's input cannot be used; nothing was changed."""


class SettingsError(CallerError):
    """A variable has a value that the guard refuses at start."""


class UnknownReason(CallerError):
    """A forced mode was asked for with a reason that does not exist."""


class UnknownRegion(CallerError):
    """Phone numbers were asked for of a region that has no numbering plan."""


class HoldOutOfRange(CallerError):
    """A hold was asked for outside 1 s to 24 h."""


class UnsafeId(CallerError):
    """A user or thread id that the SDK would put into a path unescaped (contract, section 2)."""


class MessageRefused(CallerError):
    """A message that the outbox does not take: too long while splitting is off, or of a role that Zep does not know."""


class StoreUnavailable(GuardError):
    """The guard's store could not be reached, or answered something that is not the guard's."""
