"""``zepguard drift``: one scenario's history in both worlds, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from zepguard.cli.failures import Failure
from zepguard.exit_codes import ExitCode

__all__ = ["drift"]

_RESULTS = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--sim", type=_RESULTS, default=Path("reports/drills-sim/results.json"), show_default=True)
@click.option("--stack", type=_RESULTS, default=Path("reports/drills/results.json"), show_default=True)
@click.option("--show", metavar="WORDS", help="Print the histories of the scenarios whose name has these words.")
def drift(sim: Path, stack: Path, show: str | None) -> int:
    """Compare what `zepguard drill` wrote down in world sim and on the stack.

    Ends with 1 if they differ in a way that features/drift.toml does not explain, with 3 if one that both
    worlds are to run was run in one of them only.
    """
    from zepguard.drills.drift import compare, known_differences

    left, right = _read(sim, "sim"), _read(stack, "stack")
    both = _names(left) & _names(right)
    for name in sorted(both):
        if show is not None and show.lower() in name.lower():
            click.echo(_side_by_side(name, left, right))
    found = compare(left, right, known_differences())
    for one in found:
        mark = "known" if one.why else "DRIFT"
        click.echo(f"{mark}  {one.scenario}\n       {one.what}: sim {one.left} | stack {one.right}")
        if one.why:
            click.echo(f"       since {one.why}")
    alone = sorted((_names(left) ^ _names(right)) - _of_one_world())
    for name in alone:
        click.echo(f"ALONE  {name}: only in {'sim' if name in _names(left) else 'stack'}")
    unexplained = sum(not one.why for one in found)
    click.echo(
        f"{len(both)} scenarios compared: {unexplained} unexplained differences, {len(found) - unexplained} known"
    )
    if unexplained:
        return int(ExitCode.NO_GO)
    return int(ExitCode.INCONCLUSIVE if alone or not both else ExitCode.GO)


def _read(path: Path, world: str) -> dict[str, Any]:
    from zepguard.drills.report import read_results

    try:
        return read_results(path)
    except OSError as error:
        command = f"zepguard drill --world {world} --report {path.parent}"
        raise Failure(f"{path} cannot be read ({error.strerror}): run `{command}` first", ExitCode.USAGE) from error
    except ValueError as error:
        raise Failure(str(error), ExitCode.USAGE) from error


def _scenarios(results: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{one['feature']}: {one['name']}": one["history"]
        for drill in results["drills"]
        for one in drill["scenarios"]
        if one.get("history")
    }


def _of_one_world() -> set[str]:
    """The scenarios that only one of the two worlds is to run."""
    from zepguard.drills.catalogue import catalogue
    from zepguard.drills.where import runs_in

    return {
        f"{one.feature}: {one.name}"
        for one in catalogue()
        if not all(runs_in(world, one.ids, only=one.only) for world in ("sim", "stack"))
    }


def _names(results: dict[str, Any]) -> set[str]:
    return set(_scenarios(results))


def _side_by_side(name: str, left: dict[str, Any], right: dict[str, Any]) -> str:
    rows = [f"\n{name}", f"  {'sim':55} | stack"]
    one, other = _told(_scenarios(left)[name]), _told(_scenarios(right)[name])
    for number in range(max(len(one), len(other))):
        a, b = (side[number] if number < len(side) else "" for side in (one, other))
        rows.append(f"{'  ' if a == b else '≠ '}{a:55} | {b}")
    return "\n".join(rows)


def _told(history: dict[str, Any]) -> list[str]:
    steps = [f"{s['mode']} {s['forced'] or '-'} {s['failures']}  {s['step']}"[:55] for s in history["steps"]]
    return [
        *steps,
        *(event[:55] for event in history["events"]),
        *(f"{n} +{v:g}" for n, v in history["counts"].items()),
    ]
