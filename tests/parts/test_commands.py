"""Commands end in time, with all their processes, and say what went wrong."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zepguard.parts.commands import CommandFailed, first_version, run_long, say_nothing, version_said

PATH = {"PATH": os.environ.get("PATH", os.defpath)}


def run(script: str, wait_s: float = 10.0, **options: object) -> None:
    options.setdefault("on_progress", say_nothing)
    run_long(["/bin/sh", "-c", script], environ=PATH, wait_s=wait_s, doing="trying", **options)  # type: ignore[arg-type]


def test_a_failure_has_the_end_of_what_it_said() -> None:
    """Both streams; a long story is cut at its beginning."""
    with pytest.raises(CommandFailed, match="trying ended with 3; it said: why"):
        run("echo why >&2; exit 3")
    with pytest.raises(CommandFailed) as failed:
        run("yes chatter | head -c 100000; echo the end; exit 1")
    assert str(failed.value).endswith("the end")
    assert len(str(failed.value)) < 5_000


def test_a_command_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    """Its process group goes, not only the shell."""
    with pytest.raises(CommandFailed, match="was not done in"):
        run(f"sleep 60 & echo $! > {tmp_path}/child; wait", wait_s=0.5)
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 60
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    """A killed orphan may stay a zombie where nobody reaps."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat")
        return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_progress_is_told_at_once_and_then_now_and_again() -> None:
    """Nobody stares at a silent screen."""
    said: list[str] = []
    run("sleep 0.35", on_progress=said.append, every_s=0.1)
    assert said[0] == "trying ..."
    assert len(said) >= 3


def test_a_command_that_is_not_there_fails_with_its_name() -> None:
    """Instead of an OSError from deep below."""
    with pytest.raises(CommandFailed, match="/no/such/command does not start"):
        run_long(["/no/such/command"], environ=PATH, wait_s=1, doing="trying", on_progress=say_nothing)
    assert version_said(Path("/no/such/command")) == ""


@given(st.lists(st.integers(0, 999), min_size=2, max_size=4))
def test_a_version_is_read_out_of_any_sentence(numbers: list[int]) -> None:
    """With two to four numbers, and a v before it or not."""
    version = ".".join(map(str, numbers))
    assert first_version(f"tool, version v{version} (built today)") == version
    assert first_version("tool version git") is None
