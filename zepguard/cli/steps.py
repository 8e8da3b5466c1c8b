"""``zepguard steps``: every phrase that a feature file may use."""

from __future__ import annotations

import click

from zepguard.exit_codes import ExitCode

__all__ = ["steps"]


@click.command()
def steps() -> int:
    """List the step definitions: keyword, wording, and what each does."""
    import zepguard.drills.steps  # noqa: F401  defines them
    from zepguard.drills.phrases import PHRASES

    for phrase in PHRASES:
        click.echo(f"{phrase.keyword.capitalize()} {phrase.wording}\n    {phrase.says}")
    return int(ExitCode.GO)
