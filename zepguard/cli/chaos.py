"""``zepguard chaos``: the faults, and one of them on a running stack."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from chaos import FAULTS, ChaosTarget, RunReport, fault_named, run_fault
from chaos.errors import SettingRefused, UnknownFault
from chaos.settings import settings_shown
from zepguard.cli.failures import failing_as
from zepguard.cli.options import stack_option
from zepguard.exit_codes import ExitCode
from zepguard.stack.info import StackInfo

__all__ = ["chaos", "target_of"]


@click.group()
def chaos() -> None:
    """List the faults, or run one on a running stack."""


@chaos.command(name="list")
def list_faults() -> int:
    """List the faults and their settings."""
    for name, fault in ((name, fault_named(name)) for name in FAULTS):
        click.echo(f"{name}\n    {fault.says}")
        shown = settings_shown(fault)
        if shown:
            click.echo(f"    --set {' '.join(f'{key}={_text(value)}' for key, value in shown.items())}")
    return int(ExitCode.GO)


@chaos.command()
@click.argument("fault")
@stack_option(required=True)
@click.option("--for", "for_s", type=float, metavar="SECONDS", help="By default until Ctrl-C.")
@click.option("--set", "given", multiple=True, metavar="KEY=VALUE", help="A setting of the fault; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one line of JSON.")
def run(fault: str, stack: StackInfo, for_s: float | None, given: tuple[str, ...], as_json: bool) -> int:
    """Put FAULT on a stack, and take it off again at the end: after --for, at Ctrl-C, a signal or an error.

    Says what it undid. Exit code 3 when nothing showed that the fault happened, 4 when it was interrupted.
    """
    with failing_as(ExitCode.USAGE, UnknownFault, SettingRefused):
        report = run_fault(
            fault_named(fault, dict(_pair(one) for one in given)), target_of(stack), for_s=for_s, on_progress=_say
        )
    click.echo(json.dumps(asdict(report)) if as_json else _told(report))
    return int(_code(report))


def target_of(stack: StackInfo) -> ChaosTarget:
    """Return where faults go on this stack."""
    return ChaosTarget(
        toxiproxy_url=stack.toxiproxy_url,
        zep_via_proxy_url=stack.zep_via_proxy_url,
        fakezep_admin_url=stack.fakezep_admin_url,
        admin_key=stack.fakezep_admin_key,
        zep_api_key=stack.zep_api_key,
    )


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise click.BadParameter(f"{text!r} is no KEY=VALUE, such as latency_ms=500", param_hint="--set")
    return key, value


def _code(report: RunReport) -> ExitCode:
    if report.undo_error is not None:
        return ExitCode.NO_GO
    if report.error is not None:
        return ExitCode.ENVIRONMENT
    if report.ended_by == "signal":
        return ExitCode.ABORTED
    return ExitCode.GO if report.ok else ExitCode.INCONCLUSIVE


def _told(report: RunReport) -> str:
    lines = [f"{report.fault}: on for {report.lasted_s:.1f} s" if report.started else f"{report.fault}: did not start"]
    if report.signal:
        lines.append(f"  interrupted by {report.signal}")
    if report.receipt:
        lines.append(f"  {'seen' if report.receipt.seen else 'NOT seen'}: {report.receipt.how}")
    if report.error:
        lines.append(f"  failed: {report.error}")
    lines.append(f"  undid: {'; '.join(report.undid) or 'nothing'}")
    if report.undo_error:
        lines.append(f"  SOMETHING MAY STILL BE ON: {report.undo_error}")
    return "\n".join(lines)


def _text(value: object) -> str:
    """A setting's value as ``--set`` takes it."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _say(line: str) -> None:
    click.echo(f"zepguard: {line}", err=True)
