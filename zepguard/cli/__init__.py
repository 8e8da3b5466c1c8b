"""The one command line.

A command is a line in ``COMMANDS`` and a module that has it; the module is imported when the command is called, so
that ``zepguard --help`` is quick. What a command raises on purpose ends in an exit code here (``failures.py``).
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

import click

from zepguard.cli.failures import Failure
from zepguard.exit_codes import INTERRUPTED, ExitCode, exit_code_table

__all__ = ["COMMANDS", "CommandEntry", "cli", "main", "run"]


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, kw_only=True)
class CommandEntry:
    """One command: where it is, as ``module:name``, and what ``zepguard --help`` says of it."""

    where: str
    says: str


COMMANDS: dict[str, CommandEntry] = {
    "up": CommandEntry(where="zepguard.cli.up:up", says="Start the stack of real processes, until Ctrl-C."),
    "drill": CommandEntry(where="zepguard.cli.drill:drill", says="Run the drills, and write down what was seen."),
    "chaos": CommandEntry(where="zepguard.cli.chaos:chaos", says="List the faults, or run one on a running stack."),
    "load": CommandEntry(where="zepguard.cli.load:load", says="Send load, and hold it against a stage's numbers."),
    "fakezep": CommandEntry(where="zepguard.cli.fakezep:fakezep", says="Serve the fake Zep alone."),
    "doctor": CommandEntry(where="zepguard.cli.doctor:doctor", says="Say which real parts are found, and what to do."),
    "checklist": CommandEntry(
        where="zepguard.cli.checklist:checklist", says="Print the go-live checklist with the last results."
    ),
    "report": CommandEntry(where="zepguard.cli.report:report", says="Show the evidence of a run, or list the runs."),
    "drift": CommandEntry(where="zepguard.cli.drift:drift", says="Compare what both worlds told of each scenario."),
    "simulate": CommandEntry(
        where="zepguard.cli.simulate:simulate", says="Run the real guard in virtual time, from seeds, and judge it."
    ),
    "defects": CommandEntry(
        where="zepguard.cli.defects:defects", says="Break the product on purpose; some drill must notice each time."
    ),
    "soak": CommandEntry(
        where="zepguard.cli.soak:soak", says="Run days in virtual time, and judge them by the checklist's PromQL."
    ),
    "steps": CommandEntry(where="zepguard.cli.steps:steps", says="List the phrases that a feature file may use."),
    "modes": CommandEntry(where="zepguard.cli.modes:modes", says="Print the transition table and its diagram."),
    "settings": CommandEntry(where="zepguard.cli.settings:settings", says="Print the guard's settings."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported at their call."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, _, name = entry.where.partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands without importing one, then the exit codes."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.says) for name, entry in COMMANDS.items()])
        with formatter.section("Exit codes, of every command"):
            formatter.write_dl([(str(code), meaning) for code, meaning in exit_code_table()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="zepguard")
def cli() -> None:
    """Keep a chat product answering when its memory service is slow, broken or locked out, and prove it."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    try:
        ended = cli.main(
            args=None if arguments is None else list(arguments), prog_name="zepguard", standalone_mode=False
        )
    except Failure as error:
        error.show()
        return int(error.code)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # Who read our output has gone. Python would complain once more when it flushes at exit.
        sys.stdout = None
        return int(ExitCode.NO_GO)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        where = f" at {error.filename}" if error.filename else ""
        click.echo(f"Error: {error.strerror}{where}: make room, on the disk of the temporary files too.", err=True)
        return int(ExitCode.ENVIRONMENT)
    return ended if isinstance(ended, int) else int(ExitCode.GO)


def main() -> None:
    """Be the command ``zepguard``."""
    sys.exit(run())
