"""The exit codes of every command, in one table.

A script that calls ``zepguard`` can tell "no go" from "could not find out" without reading a word of output.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["INTERRUPTED", "ExitCode", "exit_code_table"]

INTERRUPTED = 130
"""What a shell sees of a command that Ctrl-C ended before it had a verdict."""


class ExitCode(IntEnum):
    """What a command's end means."""

    GO = 0
    NO_GO = 1
    USAGE = 2
    INCONCLUSIVE = 3
    ABORTED = 4
    ENVIRONMENT = 5


_MEANINGS = {
    ExitCode.GO: "go: done, or all passed",
    ExitCode.NO_GO: "no go, or failed",
    ExitCode.USAGE: "usage: something on the command line cannot be",
    ExitCode.INCONCLUSIVE: "inconclusive, or void: nothing was decided",
    ExitCode.ABORTED: "aborted: stopped on the way, and undone",
    ExitCode.ENVIRONMENT: "environment or store unreachable, or a part is missing",
}


def exit_code_table() -> tuple[tuple[int, str], ...]:
    """Return each code and its meaning, in order."""
    return tuple((int(code), _MEANINGS[code]) for code in ExitCode)
