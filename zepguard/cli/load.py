"""``zepguard load``: chats on a stack, with memory and without, held against a stage of the checklist."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zepguard.cli.failures import Failure, failing_as, reporting
from zepguard.cli.options import stack_option
from zepguard.cli.stopping import stoppable
from zepguard.exit_codes import ExitCode

if TYPE_CHECKING:
    from zepguard.evidence.model import Product
    from zepguard.load.samples import LoadRun
    from zepguard.load.schedule import Plan
    from zepguard.load.stages import Stage
    from zepguard.load.verdicts import Judgement
    from zepguard.stack.info import StackInfo

__all__ = ["load"]


@click.command()
@click.argument("stage", metavar="STAGE")
@stack_option(required=False)
@click.option("--users", type=int, default=10, show_default=True, help="Persons who chat, half of them without memory.")
@click.option("--rate", type=float, default=10, show_default=True, metavar="N", help="Turns a second, of all together.")
@click.option("--duration", type=int, default=60, show_default=True, metavar="SECONDS", help="How long turns are due.")
@click.option(
    "--judge",
    "judged_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Send nothing; judge the samples of an earlier run.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Folder of the evidence, samples.jsonl and judgement.json; by default reports/load/STAGE.",
)
def load(
    stage: str,
    stack: StackInfo | None,
    users: int,
    rate: float,
    duration: int,
    judged_file: Path | None,
    report: Path | None,
) -> int:
    """Chat on a stack, half of the threads without memory, and check the numbers that the checklist sets for STAGE.

    Starts a stack of its own without --stack; on a running one, the workers are restarted before and after. Ends with
    3 when there are too few samples, or the load was not what was asked for. The numbers are in loadtests/stages.toml.
    """
    from zepguard.evidence import product
    from zepguard.evidence.model import Product
    from zepguard.load.asking import ask
    from zepguard.load.errors import SamplesRefused
    from zepguard.load.judge import judge
    from zepguard.load.samples import read_run
    from zepguard.load.verdicts import EXIT_CODES, told

    chosen = _stage(stage)
    report = report or Path("reports") / "load" / stage
    settings: dict[str, str] = {}
    if judged_file is not None:
        with failing_as(ExitCode.USAGE, SamplesRefused):
            run = read_run(judged_file)
        tested = Product(version="unknown")  # the samples do not say what they are of
    else:
        try:
            with stoppable():
                run = _run(chosen, stack, _plan(users, rate, duration), report / "samples.jsonl", settings)
        except KeyboardInterrupt:
            raise Failure("Interrupted: no verdict. What was started has been stopped.", ExitCode.ABORTED) from None
        tested = product()
    judgement = judge(run, chosen, ask(run, chosen))
    with reporting(report, told(judgement)):
        _write(report, run, judgement, _command(run, stage, judged_file), tested, settings)
    click.echo(f"{told(judgement)}; report in {report}/index.html")
    return int(EXIT_CODES[judgement.verdict])


def _command(run: LoadRun, stage: str, judged_file: Path | None) -> str:
    if judged_file is not None:
        return f"zepguard load {stage} --judge {judged_file}"
    head = run.head
    return f"zepguard load {stage} --users {head.users} --rate {head.rate_per_s:g} --duration {head.duration_s:g}"


def _stage(name: str) -> Stage:
    from zepguard.load.errors import StagesRefused
    from zepguard.load.stages import load_stages

    with failing_as(ExitCode.USAGE, StagesRefused):
        stages = load_stages()
    if name not in stages:
        raise click.UsageError(f"no stage is called {name!r}: there are {', '.join(stages)}")
    return stages[name]


def _plan(users: int, rate: float, duration: int) -> Plan:
    from zepguard.load.schedule import Plan

    try:
        return Plan(users=users, rate_per_s=rate, duration_s=duration, seed=0)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _run(stage: Stage, stack: StackInfo | None, plan: Plan, samples: Path, settings: dict[str, str]) -> LoadRun:
    """The run; what the stack is set by goes into ``settings``."""
    from zepguard.load.errors import LoadError
    from zepguard.load.runner import generate
    from zepguard.stack.env_file import read_env_file

    with _serving(stage, stack) as info, failing_as(ExitCode.INCONCLUSIVE, LoadError):
        settings.update(read_env_file(info.env_file))
        return generate(
            info,
            stage,
            users=plan.users,
            rate_per_s=plan.rate_per_s,
            duration_s=int(plan.duration_s),
            samples=samples,
        )


@contextlib.contextmanager
def _serving(stage: Stage, stack: StackInfo | None) -> Iterator[StackInfo]:
    """The stack that was named, or one of our own, with both arms."""
    from zepguard.load.arms import both_arms, serve_both_arms
    from zepguard.load.errors import StackUnfit
    from zepguard.parts import PartError
    from zepguard.stack.errors import StackError
    from zepguard.stack.stack import Stack

    with failing_as(ExitCode.ENVIRONMENT, StackUnfit, StackError, PartError):
        if stack is not None:
            with both_arms(stack, stage):
                yield stack
            return
        with Stack.start(mode=stage.mode, time_scale=1, on_progress=_progress) as info:
            serve_both_arms(info, stage)
            yield info


def _write(
    report: Path, run: LoadRun, judgement: Judgement, command: str, tested: Product, settings: dict[str, str]
) -> None:
    from zepguard.evidence import write
    from zepguard.load.evidence import evidence_of

    write(report, evidence_of(run, judgement, command=command, product=tested, settings=settings))
    (report / "judgement.json").write_text(json.dumps(judgement.as_json(), indent=2) + "\n", encoding="utf-8")


def _progress(text: str) -> None:
    click.echo(f"  {text}", err=True)
