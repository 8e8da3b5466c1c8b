"""``zepguard drill``: run the drills on a stack, print a line a drill, write the report."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zepguard.cli.failures import Failure, failing_as, reporting
from zepguard.cli.in_world import in_world
from zepguard.cli.options import stack_option, time_scale_option
from zepguard.cli.stopping import stoppable
from zepguard.exit_codes import ExitCode

if TYPE_CHECKING:
    from zepguard.drills.outcome import ScenarioOutcome
    from zepguard.drills.runner import DrillRun
    from zepguard.evidence import Evidence
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
@click.option("--quick", is_flag=True, help="Leave out the scenarios that take a minute or more: the soaks.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Write the results here too."
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Folder of the evidence: page, JSON, JUnit XML; by default reports/drills, with -WORLD for the others.",
)
def drill(
    selectors: tuple[str, ...],
    name: str,
    config_file: Path | None,
    dry_run: bool,
    time_scale: float,
    stack: StackInfo | None,
    stacks: int,
    quick: bool,
    json_file: Path | None,
    report: Path | None,
) -> int:
    """Run drills: all of them, or those that SELECTOR names (4, drill4, ops, drill4-gauge)."""
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
    from zepguard.drills.programs import make_ready

    try:
        with stoppable():
            make_ready(name, selectors, quick=quick, tell=_progress)
            if stacks > 1:
                ran = _side_by_side(selectors, time_scale, stacks)
            else:
                ran = _alone(selectors, name, stack, time_scale, staging, quick=quick)
    except KeyboardInterrupt:
        raise Failure("Interrupted before a drill had begun; what was started is stopped.", ExitCode.ABORTED) from None
    verdict = f"{ran.results['verdict'].upper()}: {len(ran.results['drills'])} drills"
    with reporting(report, verdict):
        _write(report, ran, json_file, command=_command(selectors, name, stacks))
    click.echo(f"{verdict}; report in {report}/index.html")
    return int(ExitCode.ABORTED if ran.evidence.run.interrupted else _EXITS[ran.results["verdict"]])


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ran:
    """What came of a run: for the comparison of worlds, for the evidence, and what must stand in neither."""

    results: dict[str, Any]
    evidence: Evidence
    secrets: tuple[str, ...] = ()


def _command(selectors: tuple[str, ...], world: str, stacks: int) -> str:
    side_by_side = ["--stacks", str(stacks)] if stacks > 1 else []
    return " ".join(["zepguard", "drill", *selectors, "--world", world, *side_by_side])


def _write(report: Path, ran: _Ran, json_file: Path | None, *, command: str) -> None:
    from zepguard.drills.report import write_results
    from zepguard.evidence import mask_of, write

    run = ran.evidence.run.model_copy(update={"command": command})
    evidence = ran.evidence.model_copy(update={"run": run})
    write(report, evidence, secrets=ran.secrets)
    mask = mask_of(evidence, secrets=ran.secrets)
    for file in (report / "results.json", *([json_file] if json_file else [])):
        write_results(file, ran.results, mask)


def _alone(
    selectors: tuple[str, ...],
    name: str,
    stack: StackInfo | None,
    time_scale: float,
    staging: StagingConfig | None,
    *,
    quick: bool,
) -> _Ran:
    from zepguard.drills.report import evidence_of, results_of
    from zepguard.evidence import Watch, now_text, watched

    started = now_text()
    with in_world(name, stack=stack, time_scale=time_scale, staging=staging, progress=_progress) as opened:
        watch = Watch(opened.world, now=opened.now)
        run = _run(watched(opened.world, watch), selectors, quick=quick)
        panels = opened.panels()
    if not run.outcomes:
        click.echo(run.output, err=True)
    results = results_of(run.outcomes, world=name, time_scale=opened.time_scale)
    evidence = evidence_of(run, watch, world=name, time_scale=opened.time_scale, started=started, panels=panels)
    return _Ran(results=results, evidence=evidence, secrets=opened.secrets)


def _side_by_side(selectors: tuple[str, ...], time_scale: float, stacks: int) -> _Ran:
    from zepguard.cli.side_by_side import run_side_by_side
    from zepguard.drills.catalogue import catalogue
    from zepguard.drills.shares import shares
    from zepguard.drills.where import runs_in
    from zepguard.parts import PartError
    from zepguard.stack.errors import StackError

    here = [one for one in catalogue() if runs_in("stack", one.ids, only=one.only)]
    with failing_as(ExitCode.ENVIRONMENT, StackError, PartError):
        done = run_side_by_side(
            shares(here, selectors, stacks), time_scale=time_scale, tell=click.echo, progress=_progress
        )
    return _Ran(results=done.results, evidence=done.evidence)


def _run(world: World, selectors: tuple[str, ...], *, quick: bool) -> DrillRun:
    from zepguard.drills.runner import run_drills

    told = _Told()

    def tell(outcome: ScenarioOutcome) -> None:
        _progress(f"{outcome.status}: {outcome.name} ({outcome.took_s:.1f} s)")
        told.scenario(outcome)

    try:
        return run_drills(world, selectors, tell=tell, quick=quick)
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
        if not any(runs_in(world, one.ids, only=one.only) for one in meant):
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
