"""How a command ends that cannot do what was asked: one sentence on standard error and a code of the table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from zepguard.exit_codes import ExitCode

__all__ = ["Failure", "failing_as", "reporting"]


class Failure(click.ClickException):
    """Ends the command with a message and an exit code."""

    def __init__(self, message: str, code: ExitCode) -> None:
        """``message``: what happened, to what, and what to do next."""
        super().__init__(message)
        self.code = code


@contextmanager
def failing_as(code: ExitCode, *kinds: type[Exception]) -> Iterator[None]:
    """Turn errors of these kinds, which carry their own remedy, into a Failure with this code."""
    try:
        yield
    except kinds as error:
        raise Failure(str(error), code) from error


@contextmanager
def reporting(report: Path, verdict: str) -> Iterator[None]:
    """Write a report in this block; where that fails (a full disk), the verdict is printed all the same.

    Args:
        report: the folder.
        verdict: what came of the run, unless it is printed already.

    Raises:
        Failure: the folder cannot be written; ends with ENVIRONMENT, since a verdict needs its evidence.
    """
    try:
        yield
    except OSError as error:
        if verdict:
            click.echo(verdict)
        raise Failure(
            f"The report cannot be written to {report} ({error.strerror or error}): make room there, or name another "
            "folder with --report.",
            ExitCode.ENVIRONMENT,
        ) from error
