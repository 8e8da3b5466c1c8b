"""``zepguard soak``: hours, days or a month in virtual time, judged by the checklist's own PromQL."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zepguard.cli.failures import Failure, failing_as, reporting
from zepguard.cli.stopping import stoppable
from zepguard.exit_codes import ExitCode

if TYPE_CHECKING:
    from zepguard.soak.run import Soak
    from zepguard.soak.scenarios import Scenario
    from zepguard.soak.session import Judged

__all__ = ["soak"]

_SCENARIOS = ("soak", "canary", "full", "week", "month")
_HOURS_MAX = 24 * 31
_SHOWN_EVERY_S = 2.0


def _share(context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    number = value.removesuffix("%")
    try:
        share = float(number) / (100 if value.endswith("%") else 1)
    except ValueError:
        share = -1
    if not 0 <= share <= 1:
        raise click.BadParameter(f"{value!r} is no share: write one like 1.5% or 0.015", context, parameter)
    return share


def _hours(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    if value is not None and not 0.1 <= value <= _HOURS_MAX:
        raise click.BadParameter(f"{value:g} is not between 0.1 and {_HOURS_MAX} hours", context, parameter)
    return value


@click.command()
@click.argument("scenario", type=click.Choice(_SCENARIOS), default="soak", required=False)
@click.option(
    "--hours", type=float, default=None, callback=_hours,
    help="Virtual hours to run; fewer than the checklist's can say no go, and never go.  [default: the checklist's]",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of all that is drawn.")
@click.option(
    "--write-failures", metavar="SHARE", default=None, callback=_share,
    help="Share of writes that Zep answers with 503, such as 1.5%.  [default: 0.3%]",
)  # fmt: skip
@click.option(
    "--read-failures", metavar="SHARE", default=None, callback=_share,
    help="Share of reads that Zep answers with 503.  [default: 0.3%]",
)  # fmt: skip
@click.option("--idle", is_flag=True, help="Nobody chats: no samples.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option(
    "--report",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Folder of the evidence and soak.json, by default reports/soak-SCENARIO; if given, of the metrics too "
    "(OpenMetrics, virtual timestamps, 20 MB a day).",
)
def soak(
    scenario: str,
    hours: float | None,
    seed: int,
    write_failures: float | None,
    read_failures: float | None,
    idle: bool,
    as_json: bool,
    report: Path | None,
) -> int:
    """Run the chat app, its workers, guard and a fake Zep for days of virtual time, and judge the metrics.

    \b
    soak    48 h, write_only, a message every 10 s
    canary  5 days, read_write, a message a minute, a brownout of Zep
    full    24 h, read_write, a message every 20 s
    week    7 days, read_write, a message a minute: a brownout, an outage of an hour, a key rotation
    month   30 days, read_write, a message every 5 min: six incidents of Zep

    Each has two deploys and noise: 0.3 % answers of 503, and a tail of latency up to 900 ms. The metrics go with
    virtual timestamps into a real Prometheus, which is asked the expressions of prometheus/expressions.toml.

    Ends with 1 if an item of the checklist is not met, and with 3 if nothing was decided: without samples, or with
    fewer hours than the checklist's. What is left out is in `pydoc zepguard.soak`.
    """
    from zepguard.soak.run import Soak
    from zepguard.soak.scenarios import SCENARIOS, Noise

    checklist = SCENARIOS[scenario]
    usual = Noise()
    what = Soak(
        scenario=checklist if hours is None else replace(checklist, hours=hours),
        noise=Noise(
            write_failures=usual.write_failures if write_failures is None else write_failures,
            read_failures=usual.read_failures if read_failures is None else read_failures,
        ),
        seed=seed,
        idle=idle,
    )
    from zepguard.evidence import now_text, write
    from zepguard.soak.evidence import evidence_of

    started = now_text()
    try:
        with stoppable():
            judged = _held(what, checklist, report)
    except KeyboardInterrupt:
        raise Failure("Interrupted: no verdict.", ExitCode.ABORTED) from None
    told = json.dumps(judged.as_json(), indent=2)
    report = report or Path("reports") / f"soak-{scenario}"
    with reporting(report, told if as_json else _told(judged)):
        write(report, evidence_of(judged, checklist, command=_command(what, checklist), started=started))
        (report / "soak.json").write_text(told + "\n", encoding="utf-8")
    click.echo(told if as_json else f"{_told(judged)}\nreport in {report}/index.html")
    return int(_exit_code(judged))


def _command(what: Soak, checklist: Scenario) -> str:
    """What was asked for, as it would be typed; what is as usual is left out."""
    from zepguard.soak.scenarios import Noise

    usual = Noise()
    options = {
        "--hours": (f"{what.scenario.hours:g}", what.scenario.hours != checklist.hours),
        "--seed": (str(what.seed), what.seed != 0),
        "--write-failures": (f"{what.noise.write_failures:g}", what.noise.write_failures != usual.write_failures),
        "--read-failures": (f"{what.noise.read_failures:g}", what.noise.read_failures != usual.read_failures),
    }
    given = [word for name, (value, unusual) in options.items() if unusual for word in (name, value)]
    return " ".join(["zepguard", "soak", what.scenario.name, *given, *(["--idle"] if what.idle else [])])


def _exit_code(judged: Judged) -> ExitCode:
    from zepguard.prometheus.verdict import Verdict

    codes = {Verdict.MET: ExitCode.GO, Verdict.MISSED: ExitCode.NO_GO, Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE}
    return codes[judged.verdict]


def _held(what: Soak, checklist: Scenario, report: Path | None) -> Judged:
    from zepguard.parts import PartError
    from zepguard.parts.prometheus import PROMETHEUS, PROMTOOL, obtain_tool
    from zepguard.prometheus.answers import QueryRefused
    from zepguard.prometheus.blocks import BlocksNotMade
    from zepguard.soak.session import METRICS_FILE, hold
    from zepguard.stack.errors import StackError
    from zepguard.worlds.world import WorldError

    with contextlib.ExitStack() as closing:
        closing.enter_context(failing_as(ExitCode.ENVIRONMENT, PartError, StackError))
        closing.enter_context(failing_as(ExitCode.INCONCLUSIVE, WorldError, BlocksNotMade, QueryRefused))
        for tool in (PROMETHEUS, PROMTOOL):
            # Known before the minute of work, not after it. A build takes many.
            obtain_tool(tool, on_progress=lambda told: click.echo(f"  {told}", err=True))
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="zepguard-soak-")))
        progress = closing.enter_context(_progress(what.scenario.hours))
        judged = hold(what, checklist, folder, progress=progress.hours, stage=progress.stage)
        if report is not None:
            with reporting(report, _told(judged)):
                _copy(folder / METRICS_FILE, report)
        return judged


def _copy(file: Path, into: Path) -> None:
    """Whole or not at all: a month's metrics are large."""
    into.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(file, into / file.name)
    except OSError:
        (into / file.name).unlink(missing_ok=True)
        raise


class _Progress:
    """One line that is written over again on a terminal; elsewhere a line each tenth of the time."""

    def __init__(self, whole_h: float) -> None:
        self._whole_h = whole_h
        self._live = sys.stderr.isatty()
        self._now = time.monotonic  # ours for good: the run puts its own clock in the place of the module's
        self._began = self._shown_at = self._now()
        self._tenths = 0

    def hours(self, done: float) -> None:
        """So many virtual hours are done."""
        told = f"{done:.0f} of {self._whole_h:g} h in {self._now() - self._began:.0f} s"
        if self._live and self._now() - self._shown_at > _SHOWN_EVERY_S:
            self._shown_at = self._now()
            click.echo(f"\r  {told}   ", err=True, nl=False)
        elif not self._live and done * 10 >= self._whole_h * (self._tenths + 1):
            self._tenths = int(done * 10 / self._whole_h)
            click.echo(f"  {told}", err=True)

    def stage(self, text: str) -> None:
        """Something else is done now."""
        self.clear()
        click.echo(f"  {text}", err=True)

    def clear(self) -> None:
        """Make room for other lines."""
        if self._live:
            click.echo("\r" + " " * 60 + "\r", err=True, nl=False)


@contextlib.contextmanager
def _progress(whole_h: float) -> Iterator[_Progress]:
    progress = _Progress(whole_h)
    try:
        yield progress
    finally:
        progress.clear()


_WORDS = {"met": "GO", "missed": "NO GO", "inconclusive": "INCONCLUSIVE"}


def _told(judged: Judged) -> str:
    story, took = judged.story, judged.took_s
    lines = [f"{one.verdict.upper():12} {one.item}: {one.why}" for one in judged.findings]
    incidents = ", ".join(one.kind for one in story.troubles) or "none"
    lines.append(
        f"{story.lasts_s / 3600:g} h, {len(story.messages)} messages, {story.undelivered} undelivered at the end; "
        f"incidents of Zep: {incidents}; real seconds: " + ", ".join(f"{name} {took[name]:.0f}" for name in took)
    )
    lines.append(f"{_WORDS[judged.verdict]}: {judged.soak.scenario.name}: {judged.why}")
    return "\n".join(lines)
