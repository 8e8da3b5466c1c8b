"""``zepguard modes``: the transition table and its diagram, from the code that decides."""

from __future__ import annotations

import click

from guard.core.modes import AUTOMATIC_REASONS, Reason
from guard.core.table import TABLE, Breaker, Count, Hold, Operation, Outcome, Pause, Phase, Rule
from guard.core.trend import FAILURE_MINUTES, LATENCY_MINUTES, TREND_POLICY
from zepguard.exit_codes import ExitCode

__all__ = ["modes", "modes_markdown"]

_TRENDS = (
    "## Beside the table",
    "",
    f"- Trends, over the reads of all workers, {TREND_POLICY.reads_min} at least, counted anew after each change of "
    f"mode: more than 5 % of them over {TREND_POLICY.slow_s * 1000:g} ms in each five of {LATENCY_MINUTES} minutes "
    f"forces `read_latency`; more than {TREND_POLICY.failure_ratio:.0%} failed in each five of {FAILURE_MINUTES} "
    "minutes forces `failure_rate`. Either must hold in the first and the last of these minutes too.",
    "- `ZEP_FAILURE_WITNESSES`: so many distinct workers must be behind failures in a row before they downgrade or "
    "open the read breaker. An auth failure downgrades at once, whoever saw it.",
    "- A process that cannot reach the store steps by the same table on a copy of its own, where the mode only falls. "
    "At its return it brings its downgrade, counted then, once, if nobody has changed the mode meanwhile.",
)


@click.command()
def modes() -> int:
    """Print the modes as Markdown: the diagram, and what each outcome of a call to Zep does."""
    click.echo(modes_markdown())
    return int(ExitCode.GO)


def modes_markdown() -> str:
    """Return the page ``docs/modes.md``."""
    return "\n".join(
        [
            "# Modes and transitions",
            "",
            "Made by `zepguard modes` from `guard/core/table.py`; a test keeps this page the same.",
            "",
            _diagram(),
            "",
            *(line for operation in Operation for line in _section(operation)),
            f"Reasons that the guard gives itself: {', '.join(f'`{one}`' for one in AUTOMATIC_REASONS)}. "
            f"An operator may give any of: {', '.join(f'`{one}`' for one in Reason)}.",
            "",
            *_TRENDS,
        ]
    )


def _diagram() -> str:
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> read_write"]
    for target, labels in _edges().items():
        lines.append(f"    {target}: {' or '.join(labels)}")
    lines += [
        "    read_write --> write_only: zep_mode --force",
        "    write_only --> read_write: zep_mode --clear",
        "```",
    ]
    return "\n".join(lines)


def _edges() -> dict[str, list[str]]:
    edges: dict[str, list[str]] = {}
    for (operation, outcome, phase), rule in TABLE.items():
        if phase is Phase.READ_WRITE and (rule.force or rule.count is Count.ADD):
            label = f"{operation} {outcome}" + (" (3rd in a row)" if rule.count is Count.ADD else "")
            edges.setdefault("read_write --> write_only", []).append(label)
        if phase is Phase.PROBE and rule.restore:
            edges.setdefault("write_only --> read_write", []).append(f"probe {outcome}")
        if phase is Phase.PROBE and rule.hold is not Hold.NONE:
            edges.setdefault("write_only --> write_only", []).append(f"probe {outcome}")
    return edges


def _section(operation: Operation) -> list[str]:
    phases = [phase for phase in Phase if operation is Operation.READ or phase is not Phase.PROBE]
    head = f"| {operation} ends as | " + " | ".join(_phase(phase) for phase in phases) + " |"
    rows = [
        f"| `{outcome}` | " + " | ".join(_says(TABLE[operation, outcome, phase]) for phase in phases) + " |"
        for outcome in Outcome
    ]
    return [f"## A {operation}", "", head, "|" + " --- |" * (len(phases) + 1), *rows, ""]


def _phase(phase: Phase) -> str:
    return "as the probe" if phase is Phase.PROBE else f"in {phase}"


def _says(rule: Rule) -> str:
    said = []
    if rule.count is Count.ADD:
        said.append("failure count + 1; at 3 force `consecutive_failures`")
    if rule.count is Count.ZERO:
        said.append("failure count 0")
    if rule.restore:
        said.append("restore base mode, breakers closed")
    if rule.hold is Hold.RETRY_AFTER:
        said.append("hold again for the longer of hold and `Retry-After`, not counted as a downgrade")
    elif rule.force is not None:
        said.append(f"{'hold again for the full hold' if rule.hold is Hold.FULL else 'force at once'}, `{rule.force}`")
    if rule.breaker is not Breaker.NOTHING:
        said.append(f"breaker: {rule.breaker}")
    if rule.pause is Pause.RETRY_AFTER:
        said.append("no read of that thread until `Retry-After`")
    if rule.pause is Pause.NEGATIVE:
        said.append("no read of that thread within the negative window")
    return "; ".join(said) or "nothing"
