"""Commands run within a time limit, and what their version lines say."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from zepguard.stack.lifeline import PARENT

_VERSION = re.compile(r"\d+\.\d+(?:\.\d+)*")
_VERSION_WAIT_S = 10.0
_SAID_BYTES_MAX = 4_000

Progress = Callable[[str], None]


def say_nothing(_: str) -> None:
    """Be the progress callback of a caller who wants none."""


class CommandFailed(Exception):
    """A command ended with an error or not in time; the text has the end of what it said."""


def executable(path: Path) -> bool:
    """Tell whether this is a file that we may run."""
    return path.is_file() and os.access(path, os.X_OK)


def on_path(names: Sequence[str], environ: Mapping[str, str]) -> Path | None:
    """Return the first of these commands that is on PATH."""
    for name in names:
        found = shutil.which(name, path=environ.get("PATH", os.defpath))
        if found:
            return Path(found)
    return None


def first_version(text: str) -> str | None:
    """Return the first version number in a text. Pure."""
    match = _VERSION.search(text)
    return match.group() if match else None


def version_said(path: Path, *arguments: str) -> str:
    """Return what a command says when asked for its version; empty if it does not say in time."""
    try:
        done = subprocess.run(
            [path, *(arguments or ("--version",))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_VERSION_WAIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace")


def run_long(
    command: Sequence[str | Path],
    *,
    environ: Mapping[str, str],
    wait_s: float,
    doing: str,
    on_progress: Progress,
    every_s: float = 10.0,
) -> None:
    """Run a command for at most ``wait_s``, and tell what we are ``doing`` each ``every_s``.

    Raises CommandFailed. When it is given up, or we are interrupted, all its processes are ended; when we are killed
    with SIGKILL, it is too (its children end with what they are at).
    """
    on_progress(f"{doing} ...")
    if shutil.which(command[0], path=environ.get("PATH", os.defpath)) is None:
        raise CommandFailed(f"{command[0]} does not start (there is no such command)")
    tied = [sys.executable, "-P", "-m", "zepguard.stack.lifeline", *command]
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                tied,
                env={**environ, PARENT: str(os.getpid())},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that its compilers end with it
            )
        except OSError as error:
            raise CommandFailed(f"{command[0]} does not start ({error})") from error
        try:
            status = _wait(process, wait_s, doing, on_progress, every_s)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if status != 0:
            why = f"was not done in {wait_s:.0f} s" if status is None else f"ended with {status}"
            size = said.seek(0, os.SEEK_END)
            said.seek(max(0, size - _SAID_BYTES_MAX))
            last = said.read().decode("utf-8", "replace").strip()
            raise CommandFailed(f"{doing} {why}; it said: {last or 'nothing'}")


def _wait(
    process: subprocess.Popen[bytes], wait_s: float, doing: str, on_progress: Progress, every_s: float
) -> int | None:
    began = time.monotonic()
    while (left_s := began + wait_s - time.monotonic()) > 0:
        try:
            return process.wait(min(every_s, left_s))
        except subprocess.TimeoutExpired:
            on_progress(f"{doing} ... {time.monotonic() - began:.0f} s")
    return None
