"""Drills on several stacks at once: most of a drill is waiting, and a stack's waits are nobody else's."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from zepguard.drills.report import merged_results
from zepguard.evidence import Evidence, joined, read
from zepguard.stack.errors import StackError
from zepguard.stack.stack import Stack

__all__ = ["SideBySide", "run_side_by_side"]

_ENDS_WITHIN_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class SideBySide:
    """What came of all shares together, interrupted if one of them was."""

    results: dict[str, Any]
    evidence: Evidence


def run_side_by_side(
    shares: Sequence[tuple[str, ...]],
    *,
    time_scale: float,
    tell: Callable[[str], None],
    progress: Callable[[str], None],
) -> SideBySide:
    """Start a stack for each share, run its drills in a process of its own, and bring the results together.

    Args:
        shares: the checklist ids of each.
        time_scale: of all the stacks.
        tell: given each line that a drill ends with.
        progress: given what the stacks do while they start.

    Raises:
        StackError: a stack does not start, or no process has left anything.
    """
    with tempfile.TemporaryDirectory(prefix="zepguard-drills-") as folder, ExitStack() as stacks:
        runs = []
        for number, ids in enumerate(shares):
            info = stacks.enter_context(Stack.start(time_scale=time_scale, on_progress=progress))
            part = Path(folder) / str(number)
            runs.append((part, _start(Path(info.run_dir) / "stack.json", ids, part, tell)))
        try:
            codes = [child.wait() for _, (child, _) in runs]
        except KeyboardInterrupt:
            codes = [_end(child) for _, (child, _) in runs]
        for _, (_, reader) in runs:
            reader.join()
        parts = [part for part, _ in runs if (part / "results.json").exists()]
        if not parts:
            raise StackError("None of the stacks has come to an end with its drills: see above for why.")
        results = merged_results([json.loads((part / "results.json").read_text()) for part in parts])
        evidence = joined([read(part) for part in parts])
    if len(parts) < len(shares) or any(code not in (0, 1, 3) for code in codes):
        evidence = evidence.model_copy(update={"run": evidence.run.model_copy(update={"interrupted": True})})
    return SideBySide(results=results, evidence=evidence)


def _start(
    stack: Path, ids: Sequence[str], part: Path, tell: Callable[[str], None]
) -> tuple[subprocess.Popen[str], Thread]:
    argv = [sys.executable, "-m", "zepguard", "drill", *ids, "--stack", str(stack), "--report", str(part)]
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True)
    reader = Thread(target=_forward, args=(child, tell), daemon=True)
    reader.start()
    return child, reader


def _forward(child: subprocess.Popen[str], tell: Callable[[str], None]) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        if "; report in " not in line:  # the child's own verdict is only about its share
            tell(line.rstrip("\n"))


def _end(child: subprocess.Popen[str]) -> int:
    """Let it take its faults off and write down what it has."""
    child.send_signal(signal.SIGTERM)
    try:
        return child.wait(_ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()
