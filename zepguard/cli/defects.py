"""``zepguard defects``: break the product on purpose, and see whether a drill notices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zepguard.cli.failures import failing_as, reporting
from zepguard.cli.stopping import stoppable
from zepguard.exit_codes import ExitCode

if TYPE_CHECKING:
    from zepguard.defects.matrix import Matrix, Tried

__all__ = ["defects"]


@click.command()
@click.argument("wanted", nargs=-1, metavar="[DEFECT]...")
@click.option("--list", "list_only", is_flag=True, help="List the defects, and try none.")
@click.option("--jobs", type=click.IntRange(1, 64), default=2, show_default=True, help="So many copies at once.")
@click.option(
    "--every", type=click.IntRange(1, 1000), default=1, metavar="N", help="Try a sample: every Nth defect of the list."
)
@click.option("--whole", is_flag=True, help="Ask every scenario of each defect, and not only until the first red one.")
@click.option("--learn", is_flag=True, help="Write down which scenario saw which defect, for the next run's order.")
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the matrix here.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports/defects"),
    show_default=True,
    help="Folder of the evidence: page, JSON, JUnit XML.",
)
def defects(
    wanted: tuple[str, ...],
    list_only: bool,
    jobs: int,
    every: int,
    whole: bool,
    learn: bool,
    json_file: Path | None,
    report: Path,
) -> int:
    """Put each defect into a copy of the tree, and run the drills of world sim there until one is red.

    DEFECT is a name of --list, or a patch file of your own; all of them if none is named. A scenario that is red on
    the tree without a defect too has seen nothing. Needs a checkout and git. Ends with 1 if a defect was not seen, with
    3 if that could not be found out.
    """
    from zepguard.defects.copies import CopyError, checkout
    from zepguard.defects.evidence import evidence_of
    from zepguard.defects.matrix import make_matrix
    from zepguard.defects.order import Learnt
    from zepguard.defects.patches import DefectError, choose, read_defects
    from zepguard.drills.programs import make_ready
    from zepguard.evidence import now_text, write

    with failing_as(ExitCode.ENVIRONMENT, CopyError):
        root = checkout()
    folder = root / "defects"
    with failing_as(ExitCode.USAGE, DefectError):
        chosen = choose(read_defects(folder), wanted)[::every]
        learnt = Learnt.read(folder)
    if list_only:
        for one in chosen:
            click.echo(f"{one.name:34} {one.part:10} {one.item:24} {one.breaks}")
        return int(ExitCode.GO)
    started = now_text()
    with failing_as(ExitCode.ENVIRONMENT, CopyError), stoppable():
        make_ready("sim", quick=True, tell=lambda told: click.echo(f"  {told}", err=True))
        all_of_them = not wanted and every == 1
        matrix = make_matrix(root, chosen, learnt, jobs=jobs, whole=whole, clean=all_of_them, tell=_tell)
    command = _command(wanted, every, whole=whole, learn=learn)
    _conclude(matrix)
    with reporting(report, ""):
        write(report, evidence_of(matrix, command=command, started=started))
        if json_file is not None:
            json_file.write_text(json.dumps(matrix.as_json(), indent=2, ensure_ascii=False), encoding="utf-8")
    click.echo(f"report in {report}/index.html")
    if learn:
        matrix.learnt(learnt).write(folder)
    return int(matrix.exit_code)


def _command(wanted: tuple[str, ...], every: int, *, whole: bool, learn: bool) -> str:
    sampled = ["--every", str(every)] if every > 1 else []
    flags = [name for name, on in (("--whole", whole), ("--learn", learn)) if on]
    return " ".join(["zepguard", "defects", *wanted, *sampled, *flags])


def _tell(one: Tried) -> None:
    """One row of the matrix."""
    if not one.name:
        click.echo(
            f"{one.status.upper():8} the clean tree: {len(one.outcomes)} gates in {one.took_s:.0f} s {one.problem}"
        )
        return
    click.echo(f"{one.status.upper():8} {one.name} ({one.took_s:.0f} s): {one.breaks or 'a patch of your own'}")
    for red in one.red:
        click.echo(f"         by {red.gate}\n            {red.problem}")
    if one.status != "caught":
        click.echo(f"         {one.problem or _why(one)}")


def _why(one: Tried) -> str:
    odd = [f"{each.gate}: {each.status}, {each.problem}" for each in one.outcomes if each.status != "passed"]
    return "\n         ".join(odd) or f"{len(one.outcomes)} gates passed; {one.item or 'no item'} should have seen it"


def _conclude(matrix: Matrix) -> None:
    for alarm in matrix.false_alarms:
        click.echo(f"FALSE ALARM {alarm.gate} is {alarm.status} on the clean tree: {alarm.problem}")
    if matrix.all_gates:
        asked = "no defect" if matrix.whole else "no defect first"
        for gate in matrix.idle:
            click.echo(f"caught {asked}: {gate}")
    numbers = {status: sum(one.status == status for one in matrix.tried) for status in dict.fromkeys(_STATUSES)}
    told = ", ".join(f"{number} {status}" for status, number in numbers.items() if number)
    click.echo(
        f"{matrix.exit_code.name}: {len(matrix.tried)} defects in {matrix.took_s:.0f} s "
        f"({matrix.cpu_s:.0f} s of processor time): {told or 'none tried'}"
    )


_STATUSES = ("caught", "escaped", "stale", "broke", "void")
