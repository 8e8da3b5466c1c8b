"""``zepguard checklist``: every item of the go-live checklist, its scenarios, and what came of them last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zepguard.cli.failures import failing_as
from zepguard.exit_codes import ExitCode

if TYPE_CHECKING:
    from zepguard.drills.checklist import ItemState

__all__ = ["checklist"]


@click.command()
@click.option(
    "--reports",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    show_default=True,
    help="Folder below which the results of former runs are looked for.",
)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
def checklist(reports: Path, as_json: bool) -> int:
    """Print each item with its scenarios and last result; what has no scenario yet is not built."""
    from zepguard.drills.catalogue import catalogue
    from zepguard.drills.checklist import checklist as items
    from zepguard.drills.checklist import last_results, states

    with failing_as(ExitCode.USAGE, ValueError):
        found = states(items(), list(catalogue()), last_results(reports))
    if as_json:
        told = [
            {
                "id": one.item.id,
                "stage": one.item.stage,
                "says": one.item.says,
                "status": one.status,
                "scenarios": one.scenarios,
                "results": one.results,
            }
            for one in found
        ]
        click.echo(json.dumps(told))
        return int(ExitCode.GO)
    stage = ""
    for one in found:
        if one.item.stage != stage:
            stage = one.item.stage
            click.echo(f"\n{stage}")
        click.echo("\n".join(_lines(one)))
    counts = {status: sum(one.status == status for one in found) for status in dict.fromkeys(o.status for o in found)}
    click.echo("\n" + ", ".join(f"{count} {status}" for status, count in counts.items()) + f" of {len(found)} items")
    return int(ExitCode.GO)


def _lines(state: ItemState) -> list[str]:
    item = state.item
    by = f" ({item.verified_by or ', '.join(f'{w}: {s}' for w, s in sorted(state.results.items()))})"
    later = f" (comes with: {item.built_by})" if item.built_by else ""
    head = f"  {state.status:9} {item.id}: {item.says}{by if by != ' ()' else ''}{later}"
    return [head, *(f"              - {name}" for name in state.scenarios)]
