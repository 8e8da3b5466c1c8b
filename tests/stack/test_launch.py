"""The launcher and the lifeline, with real processes and without a stack."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zepguard.stack.env_file import edit_env_file, write_env_file
from zepguard.stack.lifeline import PARENT
from zepguard.stack.processes import ProcessIdentity, identify, kill_if_same

pytestmark = pytest.mark.stack

PYTHON = [sys.executable, "-P"]
SHOW = [*PYTHON, "-c", "import os, json; print(json.dumps(dict(os.environ)))"]
LINUX = sys.platform.startswith("linux")


def launch(env_file: Path, program: str, argv: list[str], **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PYTHON, "-m", "zepguard.stack.launch", str(env_file), program, "--", *argv],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_each_start_reads_the_file_anew(tmp_path: Path) -> None:
    write_env_file(tmp_path / "env", {"FLAG_ZEP_READ": "true"})
    assert '"FLAG_ZEP_READ": "true"' in launch(tmp_path / "env", "p", SHOW).stdout
    edit_env_file(tmp_path / "env", {"FLAG_ZEP_READ": "false"})
    assert '"FLAG_ZEP_READ": "false"' in launch(tmp_path / "env", "p", SHOW).stdout


def test_a_variable_of_the_callers_shell_does_not_count(tmp_path: Path) -> None:
    write_env_file(tmp_path / "env", {"FLAG_ZEP_WRITE": "true"})
    said = launch(tmp_path / "env", "manage", SHOW, FLAG_ZEP_READ="true", ZEP_API_URL="http://elsewhere").stdout
    assert "FLAG_ZEP_READ" not in said
    assert "ZEP_API_URL" not in said
    assert '"ZEPGUARD_PROGRAM": "manage"' in said


def test_it_becomes_the_program_and_ends_as_it_does(tmp_path: Path) -> None:
    write_env_file(tmp_path / "env", {})
    assert launch(tmp_path / "env", "p", [*PYTHON, "-c", "raise SystemExit(7)"]).returncode == 7


@pytest.mark.parametrize(
    ("env_file", "argv", "code", "says"),
    [("env", ["/nowhere/program"], 127, "cannot be started"), ("none", ["true"], 5, "cannot be read")],
)
def test_what_cannot_start_says_why(tmp_path: Path, env_file: str, argv: list[str], code: int, says: str) -> None:
    write_env_file(tmp_path / "env", {})
    done = launch(tmp_path / env_file, "p", argv)
    assert done.returncode == code
    assert says in done.stderr


def test_a_process_whose_parent_is_gone_already_does_not_start(tmp_path: Path) -> None:
    write_env_file(tmp_path / "env", {})
    assert launch(tmp_path / "env", "p", SHOW, **{PARENT: "1"}).stdout == ""


BY_KERNEL = "import os; from zepguard.stack.lifeline import tie_to_parent; tie_to_parent(os.environ)"
BY_WATCHER = "import os; from zepguard.stack.lifeline import watch_parent; watch_parent(os.getppid())"


@pytest.mark.parametrize(
    "tie", [pytest.param(BY_KERNEL, marks=pytest.mark.skipif(not LINUX, reason="Linux")), BY_WATCHER]
)
def test_a_tied_process_dies_with_its_killed_parent(tie: str) -> None:
    child = f"{tie}\nprint(os.getpid(), flush=True)\nimport time; time.sleep(60)"
    parent = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        tied = identify(int(process.stdout.readline()))
        assert tied is not None
        process.kill()
    assert gone(tied, within_s=5)


def test_the_watcher_ends_with_the_process_that_it_watches() -> None:
    child = f"{BY_WATCHER}\nprint(os.getpid(), flush=True)\nimport time; time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.kill(process.pid, signal.SIGTERM)
        # The watcher is the last of the group.
        process.wait(10)
        ends_at = time.monotonic() + 5
        while _group_lives(process.pid) and time.monotonic() < ends_at:
            time.sleep(0.02)
    assert not _group_lives(process.pid)


def test_another_process_with_the_same_pid_is_left_alone() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            now = identify(process.pid)
            assert now is not None
            assert not kill_if_same(ProcessIdentity(pid=now.pid, began="long ago"))
            assert identify(process.pid) == now
            assert kill_if_same(now)
        finally:
            process.kill()
    assert identify(process.pid) is None


def gone(process: ProcessIdentity, *, within_s: float) -> bool:
    ends_at = time.monotonic() + within_s
    while time.monotonic() < ends_at:
        if identify(process.pid) != process:
            return True
        time.sleep(0.02)
    return False


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
