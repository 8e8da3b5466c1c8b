"""``zepguard drill``: run the drills on a stack, print a line a drill, write the report."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zepguard.exit_codes import ExitCode
from zepguard.time_scale import check_time_scale

if TYPE_CHECKING:
    from zepguard.drills.outcome import ScenarioOutcome
    from zepguard.stack.info import StackInfo

__all__ = ["drill"]

_EXITS = {"passed": ExitCode.GO, "failed": ExitCode.NO_GO, "void": ExitCode.INCONCLUSIVE}


@click.command()
@click.argument("selectors", nargs=-1, metavar="[SELECTOR]...")
@click.option("--time-scale", type=float, default=60.0, show_default=True, help="Divides waits over ten seconds.")
@click.option("--stack", "stack_file", type=click.Path(path_type=Path), help="A running stack: `up --json`'s line.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the results here too.")
@click.option(
    "--report",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports/drills"),
    show_default=True,
    help="Folder of the HTML page, results.json and JUnit XML.",
)
def drill(
    selectors: tuple[str, ...], time_scale: float, stack_file: Path | None, json_file: Path | None, report: Path
) -> None:
    """Run drills: all of them, or those that SELECTOR names (4, drill4, ops, drill4-gauge)."""
    from zepguard.drills.outcome import by_drill
    from zepguard.drills.report import write_report
    from zepguard.drills.runner import run_drills
    from zepguard.worlds.stack import StackWorld

    _check(selectors, time_scale)
    report.mkdir(parents=True, exist_ok=True)
    with _stack(stack_file, time_scale) as info:
        world = StackWorld(info, progress=_progress)
        told = _Told()

        def tell(outcome: ScenarioOutcome) -> None:
            _progress(f"{outcome.status}: {outcome.name} ({outcome.took_s:.1f} s)")
            told.scenario(outcome)

        run = run_drills(world, selectors, junit=report / "junit.xml", tell=tell)
        world.close()
        told.rest()
    results = write_report(report, run.outcomes, world=world.name, time_scale=info.time_scale)
    if json_file is not None:
        json_file.write_text(json.dumps(results, indent=2), encoding="utf-8")
    if not run.outcomes:
        click.echo(run.output, err=True)
    click.echo(f"{results['verdict'].upper()}: {len(by_drill(run.outcomes))} drills; report in {report}/index.html")
    sys.exit(ExitCode.ABORTED if run.interrupted else _EXITS[results["verdict"]])


class _Told:
    """Prints a drill's line when its last scenario has an outcome."""

    def __init__(self) -> None:
        self._out = sys.stdout  # pytest's own output goes elsewhere while it runs
        self._current: list[ScenarioOutcome] = []

    def scenario(self, outcome: ScenarioOutcome) -> None:
        if self._current and self._current[0].drill != outcome.drill:
            self.rest()
        self._current.append(outcome)

    def rest(self) -> None:
        from zepguard.drills.outcome import by_drill

        for one in by_drill(self._current):
            click.echo(one.line(), file=self._out)
        self._current = []


def _progress(text: str) -> None:
    click.echo(f"  {text}", err=True)


def _check(selectors: tuple[str, ...], time_scale: float) -> None:
    from zepguard.drills.catalogue import scenario_ids
    from zepguard.drills.select import matches

    try:
        check_time_scale(time_scale)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    known = scenario_ids()
    for selector in selectors:
        if not any(matches(selector, ids) for ids in known):
            choices = ", ".join(sorted({one for ids in known for one in ids}))
            raise click.UsageError(f"no drill is called {selector!r}: use a number, a stage or one of {choices}")


@contextlib.contextmanager
def _stack(stack_file: Path | None, time_scale: float) -> Iterator[StackInfo]:
    from zepguard.stack.info import StackInfo
    from zepguard.stack.stack import Stack

    if stack_file is not None:
        yield StackInfo.from_file(stack_file)
        return
    with Stack.start(time_scale=time_scale, on_progress=_progress) as stack:
        yield stack
