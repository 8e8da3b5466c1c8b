"""``zepguard settings``: the guard's variables, from the code that reads them."""

from __future__ import annotations

import click

from guard.core.settings import VARIABLES, Variable
from zepguard.exit_codes import ExitCode

__all__ = ["settings", "settings_markdown"]


@click.command()
@click.option("--markdown", is_flag=True, help="As the table of docs/settings.md.")
def settings(markdown: bool) -> int:
    """Print the guard's settings: each environment variable, its default and what it is for."""
    click.echo(settings_markdown() if markdown else "\n".join(_plain(one) for one in VARIABLES))
    return int(ExitCode.GO)


def settings_markdown() -> str:
    """Return the settings as a Markdown table."""
    rows = [_row("Variable", "Default", "Holds", "For"), _row("---", "---", "---", "---")]
    rows += [_row(f"`{one.name}`", _default(one), one.form, one.about) for one in VARIABLES]
    return "\n".join(rows)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(variable: Variable) -> str:
    return f"`{variable.default}`" if variable.default else "none"


def _plain(variable: Variable) -> str:
    return f"{variable.name} ({variable.form}; default {variable.default or 'none'})\n    {variable.about}"
