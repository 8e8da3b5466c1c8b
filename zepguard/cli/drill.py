"""``zepguard drill``: run the drills on a stack, print a line a drill, write the report."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zepguard.cli.failures import failing_as
from zepguard.cli.options import stack_option, time_scale_option
from zepguard.cli.stopping import stoppable
from zepguard.exit_codes import ExitCode

if TYPE_CHECKING:
    from zepguard.drills.outcome import ScenarioOutcome
    from zepguard.drills.runner import DrillRun
    from zepguard.stack.info import StackInfo
    from zepguard.worlds.staging import StagingConfig
    from zepguard.worlds.world import World

__all__ = ["drill"]

_EXITS = {"passed": ExitCode.GO, "failed": ExitCode.NO_GO, "void": ExitCode.INCONCLUSIVE}


@click.command()
@click.argument("selectors", nargs=-1, metavar="[SELECTOR]...")
@click.option(
    "--world",
    "name",
    type=click.Choice(["stack", "sim", "staging"]),
    default="stack",
    show_default=True,
    help="stack: real processes; sim: one process in virtual time; staging: a deployed environment, by --config.",
)
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path), metavar="FILE", help="What --world staging drills."
)
@click.option("--dry-run", is_flag=True, help="With --world staging: print what each step would touch, touch nothing.")
@time_scale_option(default=60)
@stack_option(required=False)
@click.option(
    "--stacks",
    type=click.IntRange(1, 4),
    default=1,
    show_default=True,
    help="Stacks of our own to run side by side, the drills dealt out to them.",
)
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Write the results here too."
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Folder of the HTML page, results.json and JUnit XML; by default reports/drills, with -WORLD for the others.",
)
def drill(
    selectors: tuple[str, ...],
    name: str,
    config_file: Path | None,
    dry_run: bool,
    time_scale: float,
    stack: StackInfo | None,
    stacks: int,
    json_file: Path | None,
    report: Path | None,
) -> int:
    """Run drills: all of them, or those that SELECTOR names (4, drill4, ops, drill4-gauge)."""
    from zepguard.drills.report import results_of, write_report

    _check(selectors, name)
    if stacks > 1 and (name != "stack" or stack is not None):
        raise click.UsageError(f"--stacks {stacks} starts stacks of its own: not with --stack or --world {name}")
    staging = _staging(name, config_file, dry_run, stack)
    if staging is not None and dry_run:
        from zepguard.worlds.staging import rehearse

        for line in rehearse(staging, selectors):
            click.echo(line)
        return int(ExitCode.GO)
    report = report or Path("reports") / ("drills" if name == "stack" else f"drills-{name}")
    report.mkdir(parents=True, exist_ok=True)
    with stoppable():
        if stacks > 1:
            results, interrupted = _side_by_side(selectors, time_scale, stacks, report / "junit.xml")
        else:
            with _world(name, stack, time_scale, staging) as (world, scale):
                run = _run(world, selectors, report / "junit.xml")
            results, interrupted = results_of(run.outcomes, world=name, time_scale=scale), run.interrupted
            if not run.outcomes:
                click.echo(run.output, err=True)
    write_report(report, results)
    if json_file is not None:
        json_file.write_text(json.dumps(results, indent=2), encoding="utf-8")
    click.echo(f"{results['verdict'].upper()}: {len(results['drills'])} drills; report in {report}/index.html")
    return int(ExitCode.ABORTED if interrupted else _EXITS[results["verdict"]])


def _side_by_side(
    selectors: tuple[str, ...], time_scale: float, stacks: int, junit: Path
) -> tuple[dict[str, Any], bool]:
    from zepguard.cli.side_by_side import run_side_by_side
    from zepguard.drills.catalogue import catalogue
    from zepguard.drills.shares import shares
    from zepguard.drills.where import runs_in
    from zepguard.parts import PartError
    from zepguard.stack.errors import StackError

    here = [one for one in catalogue() if runs_in("stack", one.ids, sim_only=one.sim_only)]
    with failing_as(ExitCode.ENVIRONMENT, StackError, PartError):
        done = run_side_by_side(
            shares(here, selectors, stacks),
            time_scale=time_scale,
            junit=junit,
            tell=click.echo,
            progress=_progress,
        )
    return done.results, done.interrupted


def _run(world: World, selectors: tuple[str, ...], junit: Path) -> DrillRun:
    from zepguard.drills.runner import run_drills

    told = _Told()

    def tell(outcome: ScenarioOutcome) -> None:
        _progress(f"{outcome.status}: {outcome.name} ({outcome.took_s:.1f} s)")
        told.scenario(outcome)

    try:
        return run_drills(world, selectors, junit=junit, tell=tell)
    finally:
        told.rest()


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


def _check(selectors: tuple[str, ...], world: str) -> None:
    from zepguard.drills.catalogue import catalogue
    from zepguard.drills.select import matches
    from zepguard.drills.where import runs_in

    known = list(catalogue())
    for selector in selectors:
        meant = [one for one in known if matches(selector, one.ids)]
        if not meant:
            choices = ", ".join(sorted({one for scenario in known for one in scenario.ids}))
            raise click.UsageError(f"no drill is called {selector!r}: use a number or one of {choices}")
        if not any(runs_in(world, one.ids, sim_only=one.sim_only) for one in meant):
            raise click.UsageError(f"{selector!r} does not run in world {world}: use --world sim")


def _staging(name: str, file: Path | None, dry_run: bool, stack: StackInfo | None) -> StagingConfig | None:
    """The environment to drill, if it is a deployed one."""
    if name != "staging":
        if file is not None or dry_run:
            raise click.UsageError("--config and --dry-run go with --world staging only")
        return None
    if file is None:
        raise click.UsageError("--world staging needs --config FILE: docs/staging.md has a full example")
    scale_source = click.get_current_context().get_parameter_source("time_scale")
    if stack is not None or scale_source is click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError("--stack and --time-scale are not for --world staging: its FILE says where it is")
    from zepguard.worlds.staging import StagingConfig, StagingConfigError

    with failing_as(ExitCode.USAGE, StagingConfigError):
        return StagingConfig.from_file(file)


@contextlib.contextmanager
def _world(
    name: str, stack: StackInfo | None, time_scale: float, staging: StagingConfig | None
) -> Iterator[tuple[World, float]]:
    """The world of that name, and what it divides waits by."""
    if staging is not None:
        from zepguard.worlds.staging import StagingWorld

        with contextlib.closing(StagingWorld(staging, progress=_progress)) as deployed:
            yield deployed, staging.time_scale
        return
    if name == "sim":
        if stack is not None:
            raise click.UsageError("--stack names a running stack, and the world sim has none: leave one of them out")
        from zepguard.worlds.sim import SimWorld

        with contextlib.closing(SimWorld()) as sim:
            yield sim, 1.0
        return
    from zepguard.worlds.stack import StackWorld

    with _running(stack, time_scale) as info, contextlib.closing(StackWorld(info, progress=_progress)) as world:
        yield world, info.time_scale


@contextlib.contextmanager
def _running(stack: StackInfo | None, time_scale: float) -> Iterator[StackInfo]:
    """The stack that was named, or one of our own."""
    if stack is not None:
        yield stack
        return
    from zepguard.parts import PartError
    from zepguard.stack.errors import StackError
    from zepguard.stack.stack import Stack

    with failing_as(ExitCode.ENVIRONMENT, StackError, PartError):
        own = Stack.start(time_scale=time_scale, on_progress=_progress)
    with own as info:
        yield info
