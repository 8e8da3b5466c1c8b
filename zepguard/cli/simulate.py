"""``zepguard simulate``: many runs of the real guard in virtual time, each from its seed."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zepguard.cli.failures import Failure, reporting
from zepguard.cli.stopping import stoppable
from zepguard.exit_codes import ExitCode

if TYPE_CHECKING:
    from zepguard.simulate import Outcome
    from zepguard.simulate.evidence import FailedSeed, Seeds

__all__ = ["simulate"]

_SHOWN_EVERY_S = 2.0
_SEEDS_MAX = 10_000_000


def _positive(context: click.Context, parameter: click.Parameter, value: int) -> int:
    if value < 1:
        raise click.BadParameter(f"{value} is no number of them: write 1 or more", context, parameter)
    return value


def _seed(context: click.Context, parameter: click.Parameter, value: int | None) -> int | None:
    if value is not None and value < 0:
        raise click.BadParameter(f"{value} is no seed: write 0 or more", context, parameter)
    return value


@click.command()
@click.option(
    "--seeds", type=int, default=None, metavar="N", callback=lambda c, p, v: v if v is None else _positive(c, p, v),
    help="How many runs; without --seed they begin at 1.  [default: 100, or 1 with --seed]",
)  # fmt: skip
@click.option("--seed", type=int, default=None, metavar="S", callback=_seed, help="The first seed.")
@click.option(
    "--jobs", type=int, default=1, show_default=True, callback=_positive, help="Processes that share the work."
)
@click.option("--history", is_flag=True, help="Print the whole history of each run.")
@click.option("--keep-going", is_flag=True, help="Go on after the first seed that fails.")
@click.option(
    "--report",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports/simulate"),
    show_default=True,
    help="Folder of the evidence: page, JSON, JUnit XML.",
)
def simulate(seeds: int | None, seed: int | None, jobs: int, history: bool, keep_going: bool, report: Path) -> int:
    """Run the real guard in virtual time, every choice drawn from a seed, and judge what happens after each step.

    Workers, latencies, faults of Zep and of the store, deaths, clocks and an operator are drawn; the promises are
    checked by `zepguard.history`. The same seed gives the same history, and so the same hash, on every machine.
    A failing seed is printed with what is left of its history once all that it does not need is left out.

    Ends with 1 if a seed failed.
    """
    try:
        import zepguard.simulate  # noqa: F401
    except ImportError as error:
        raise Failure(f"{error}: pip install 'zepguard[harness]'", ExitCode.ENVIRONMENT) from error
    first = 1 if seed is None else seed
    number = seeds or (100 if seed is None else 1)
    if number > _SEEDS_MAX:
        raise click.UsageError(f"--seeds {number} is more than one run can take: write {_SEEDS_MAX} or fewer")
    from zepguard.evidence import now_text, write
    from zepguard.simulate.evidence import evidence_of

    click.echo(f"seeds {first} to {first + number - 1}")
    started = now_text()
    try:
        with stoppable():
            ran = _ran(first, number, jobs, history=history, keep_going=keep_going)
    except KeyboardInterrupt:
        raise Failure("Interrupted: no verdict.", ExitCode.ABORTED) from None
    command = f"zepguard simulate --seed {first} --seeds {number}{' --keep-going' if keep_going else ''}"
    verdict = f"passed: {number} seeds in {ran.took_s:.1f} s\nhash {ran.digest}"
    if ran.failed:
        verdict = f"failed: {len(ran.failed)} of {number} seeds ({', '.join(str(o.seed) for o in ran.failed[:20])})"
    with reporting(report, verdict):
        write(report, evidence_of(ran, command=command, started=started))
    click.echo(f"{verdict}\nreport in {report}/index.html")
    return int(ExitCode.NO_GO if ran.failed else ExitCode.GO)


def _ran(first: int, number: int, jobs: int, *, history: bool, keep_going: bool) -> Seeds:
    """Run the seeds, and print what fails as it does."""
    from zepguard.simulate.evidence import Seeds

    told, failed, began, done = sha256(), [], time.monotonic(), 0
    with _runs(range(first, first + number), jobs) as runs, _progress(number) as progress:
        for one, hexdigest, what, lines in runs:
            told.update(hexdigest.encode())
            done += 1
            if history:
                click.echo("\n".join(lines))
            if what:
                progress.clear()
                failed.append(_show(one))
                if not keep_going:
                    break
            progress.step(len(failed))
    return Seeds(
        first=first,
        asked=number,
        ran=done,
        digest=told.hexdigest(),
        took_s=time.monotonic() - began,
        failed=tuple(failed),
    )


_Run = tuple[int, str, str, list[str]]


def _one(seed: int) -> _Run:
    """One run, in whatever process it falls to."""
    from zepguard.history import line
    from zepguard.simulate import draw
    from zepguard.simulate import simulate as run

    _be_quiet()
    outcome = run(draw(seed))
    what = str(outcome.findings[0]) if outcome.findings else ""
    return seed, outcome.digest, what, [line(event) for event in outcome.history]


def _be_quiet() -> None:
    """What the product logs in a run is not for whoever watches it."""
    from guard import logs

    logs.configure(os.devnull)


@contextmanager
def _runs(seeds: range, jobs: int) -> Iterator[Iterator[_Run]]:
    if jobs == 1:
        yield map(_one, seeds)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        try:
            yield pool.map(_one, seeds, chunksize=4)
        finally:
            pool.shutdown(cancel_futures=True)


class _Progress:
    """One line that is written over again, for whoever watches; nothing in a file, but for every hundredth run."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._done = 0
        self._shown_at = time.monotonic()
        self._live = sys.stderr.isatty()

    def step(self, failed: int) -> None:
        """One more run is done."""
        self._done += 1
        said = f"{self._done} of {self._number} seeds, {failed} failed"
        if self._live and time.monotonic() - self._shown_at > _SHOWN_EVERY_S:
            self._shown_at = time.monotonic()
            click.echo(f"\r{said}", err=True, nl=False)
        elif not self._live and self._done % 100 == 0:
            click.echo(said, err=True)

    def clear(self) -> None:
        """Make room for other lines."""
        if self._live:
            click.echo("\r" + " " * 60 + "\r", err=True, nl=False)


@contextmanager
def _progress(number: int) -> Iterator[_Progress]:
    progress = _Progress(number)
    try:
        yield progress
    finally:
        progress.clear()


def _show(seed: int) -> FailedSeed:
    """Shrink a failing run, and print what is left of it."""
    from zepguard.history import line
    from zepguard.simulate import draw
    from zepguard.simulate import simulate as run
    from zepguard.simulate.evidence import FailedSeed
    from zepguard.simulate.shrink import shrink

    outcome = run(draw(seed))
    finding = outcome.findings[0]
    click.echo(f"seed {seed} failed: {finding}")
    click.echo(f"hash {outcome.digest}")
    click.echo(f"{len(outcome.plan.items)} things happen in it; leaving out what the finding does not need ...")
    least: Outcome = shrink(outcome)
    click.echo(f"\n{len(least.plan.items)} are left:")
    for name, value in least.plan.variables:
        click.echo(f"  {name}={value}")
    for item in least.plan.items:
        click.echo(f"  {item}")
    found = least.findings[0]
    click.echo("\nand this is what came of them:")
    for event in least.history:
        if event.at > found.at:
            break
        click.echo(f"  {line(event)}")
    click.echo(f"\n{found}")
    click.echo(f"replay the whole run: zepguard simulate --seed {seed} --history\n")
    return FailedSeed(seed=seed, found=str(finding), digest=outcome.digest, least=least)
