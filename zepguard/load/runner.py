"""Runs Locust in a process of its own: importing it patches the interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from zepguard.load.errors import GeneratorFailed
from zepguard.load.samples import LoadRun, read_run
from zepguard.load.stages import Stage, loadtests_folder
from zepguard.stack.info import StackInfo
from zepguard.stack.lifeline import PARENT

__all__ = ["generate"]

_ENDS_WITHIN_S = 20.0


def generate(
    info: StackInfo, stage: Stage, *, users: int, rate_per_s: float, duration_s: int, samples: Path
) -> LoadRun:
    """Send the load, and return what was written down. Call it in the main thread; progress goes to standard error.

    Locust ends with this process, also when it is killed, and at Ctrl-C before that is raised here.

    Raises:
        GeneratorFailed: Locust wrote nothing that can be judged.
        SamplesRefused: nor anything that can be read.
    """
    samples.parent.mkdir(parents=True, exist_ok=True)
    samples.unlink(missing_ok=True)
    argv = [
        *(sys.executable, "-m", "zepguard.stack.lifeline"),
        *(sys.executable, "-m", "locust", "-f", str(loadtests_folder() / "locustfile.py")),
        *("--stage", stage.name, "--stack", str(Path(info.run_dir) / "stack.json"), "--samples", str(samples)),
        *("--users", str(users), "--rate", f"{rate_per_s:g}", "--run-time", f"{duration_s}s"),
        "--samples-only",
        "--skip-log-setup",  # and with it Locust's tables
    ]
    # A session of its own: Ctrl-C in a terminal goes to us alone.
    child = subprocess.Popen(
        argv, env=_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        code = child.wait()
    finally:
        _end(child)
    if not samples.exists():
        raise GeneratorFailed(f"Locust ended with {code} before the run began; its last lines say why.")
    return read_run(samples)


def _environment() -> dict[str, str]:
    """Ours, without Locust's own variables: they would change its options."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    return {**kept, PARENT: str(os.getpid())}


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
