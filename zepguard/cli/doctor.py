"""``zepguard doctor``: the real parts, found or missing."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from zepguard.exit_codes import ExitCode
from zepguard.parts import PartReport, survey

__all__ = ["doctor"]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
def doctor(as_json: bool) -> int:
    """Say which real parts are found, their versions, and how to get a missing one. Changes nothing."""
    reports = survey()
    click.echo(json.dumps([_wire(one) for one in reports]) if as_json else _told(reports))
    return int(ExitCode.GO if all(one.ok for one in reports) else ExitCode.ENVIRONMENT)


def _wire(report: PartReport) -> dict[str, object]:
    part = report.part
    return {
        "name": report.name,
        "ok": report.ok,
        "found": part is not None,
        "version": part.version if part else None,
        "path": str(part.path) if part else None,
        "source": part.source if part else None,
        "remedy": report.remedy,
        "used_for": report.used_for,
    }


def _told(reports: Sequence[PartReport]) -> str:
    lines = [_line(one) for one in reports]
    needed = [one.name for one in reports if not one.ok]
    verdict = f"Missing: {', '.join(needed)}." if needed else "All that the stack needs is here."
    return "\n".join([*lines, "", verdict])


def _line(report: PartReport) -> str:
    sign = "ok" if report.part else "--" if report.ok else "!!"
    if report.part is None:
        said = f"{report.remedy} ({report.used_for})"
    else:
        said = f"{report.part.version or 'version unknown'}, {report.part.source}: {report.part.path}"
    return f"  {sign}  {report.name:<13} {said}"
