"""``zepguard checklist``: every item of the go-live checklist, its scenarios, and what came of them last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zepguard.cli.failures import failing_as
from zepguard.exit_codes import ExitCode

if TYPE_CHECKING:
    from zepguard.evidence.model import ItemState

__all__ = ["checklist"]


@click.command()
@click.option(
    "--reports",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    show_default=True,
    help="Folder below which the evidence of former runs is looked for.",
)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Filled in, ready for a pull request.")
@click.option("--published", default="", metavar="URL", help="With --markdown: where the reports can be read, to link.")
def checklist(reports: Path, as_json: bool, as_markdown: bool, published: str) -> int:
    """Print each item with its scenarios and last result; what has no scenario yet is not built."""
    from zepguard.evidence import NoEvidence
    from zepguard.evidence.filled_in import fill_in, markdown

    if as_json and as_markdown:
        raise click.UsageError("--json and --markdown are two forms of the same: choose one")
    if published and not as_markdown:
        raise click.UsageError("--published goes with --markdown: only there are links")
    with failing_as(ExitCode.USAGE, ValueError, NoEvidence):
        filled = fill_in(reports)
    if as_markdown:
        click.echo(markdown(filled, reports=reports, published=published), nl=False)
    elif as_json:
        click.echo(json.dumps([_told(one) for one in filled.items]))
    else:
        _print(filled.items)
    return int(ExitCode.GO)


def _told(one: ItemState) -> dict[str, object]:
    return {
        "id": one.id,
        "stage": one.stage,
        "says": one.says,
        "status": one.status,
        "scenarios": one.by,
        "results": one.where,
        "seen": one.seen,
        "why": one.why,
    }


def _print(items: tuple[ItemState, ...]) -> None:
    stage = ""
    for one in items:
        if one.stage != stage:
            stage = one.stage
            click.echo(f"\n{stage}")
        click.echo("\n".join(_lines(one)))
    counts = {status: sum(one.status == status for one in items) for status in dict.fromkeys(o.status for o in items)}
    click.echo("\n" + ", ".join(f"{count} {status}" for status, count in counts.items()) + f" of {len(items)} items")


def _lines(one: ItemState) -> list[str]:
    results = ", ".join(f"{world}: {status}" for world, status in sorted(one.where.items()))
    told = "; ".join(text for text in (results, one.why) if text)
    head = f"  {one.status:9} {one.id}: {one.says}{f' ({told})' if told else ''}"
    return [head, *(f"              - {name}" for name in one.by)]
