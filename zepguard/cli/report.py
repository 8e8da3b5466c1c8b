"""``zepguard report``: the page of a run, made again from its evidence."""

from __future__ import annotations

from pathlib import Path

import click

from zepguard.cli.failures import Failure, failing_as, reporting
from zepguard.exit_codes import ExitCode

__all__ = ["report"]


@click.command()
@click.argument("run", required=False, metavar="[RUN]")
@click.option("--open", "opens", is_flag=True, help="Open the page in a browser.")
@click.option("--list", "lists", is_flag=True, help="List the runs, the newest first, and write nothing.")
@click.option(
    "--reports",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    show_default=True,
    help="Folder below which runs are looked for.",
)
def report(run: str | None, opens: bool, lists: bool, reports: Path) -> int:
    """Write the page of RUN anew from its evidence.json, with JUnit XML and Cucumber JSON, and print its verdicts.

    RUN is a run's folder, or its name below the reports; by default the newest. The verdicts are those that the run
    came to when it was made.
    """
    from zepguard.evidence import NoEvidence, find_runs, read
    from zepguard.evidence.folder import PAGE, write_views
    from zepguard.evidence.judging import found_good

    if lists:
        return _list(find_runs(reports), reports)
    with failing_as(ExitCode.USAGE, NoEvidence):
        folder = _folder(run, reports)
        record = read(folder)
    with reporting(folder, f"{record.run.command}, finished {record.run.finished}"):
        write_views(folder, record)
    for stage in record.stages:
        why = "; ".join([*stage.why, *found_good(stage, record.findings)])
        click.echo(f"{stage.verdict.upper():13} {stage.stage}: {why}")
    page = folder / PAGE
    click.echo(f"\n{record.run.command}, finished {record.run.finished}: {page}")
    if opens and click.launch(str(page.resolve())) != 0:
        raise Failure(f"no browser could be started here: open {page} yourself", ExitCode.ENVIRONMENT)
    return int(ExitCode.GO)


def _folder(run: str | None, reports: Path) -> Path:
    from zepguard.evidence import NoEvidence, find_runs

    if run is None:
        found = find_runs(reports)
        if not found:
            raise NoEvidence(f"there is no run below {reports}: make one with `zepguard drill`, or give its folder")
        return found[0]
    named = [Path(run), reports / run]
    folder = next((one for one in named if one.exists()), None)
    if folder is None:
        raise NoEvidence(f"no run is called {run!r}: `zepguard report --list` names those below {reports}")
    return folder if folder.is_dir() else folder.parent


def _list(folders: list[Path], reports: Path) -> int:
    from zepguard.evidence import NoEvidence, read

    code = ExitCode.GO
    for folder in folders:
        try:
            record = read(folder)
        except NoEvidence as error:
            click.echo(f"Error: {error}", err=True)
            code = ExitCode.USAGE
            continue
        counts = ", ".join(f"{number} {status}" for status, number in record.counts().items())
        click.echo(f"{folder}  {record.run.finished}  {record.run.command}{f': {counts}' if counts else ''}")
    if not folders:
        click.echo(f"no runs below {reports}: make one with `zepguard drill`")
    return int(code)
