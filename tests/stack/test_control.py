"""Who is named when a program does not come up; without processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from zepguard.stack.control import StackControl
from zepguard.stack.errors import StartFailed
from zepguard.stack.supervisor_client import ProgramState


def states(*pids: tuple[int, int]) -> Iterator[dict[str, ProgramState]]:
    """Leader and follower by their pids, look by look; 0 is no process."""
    for of_leader, of_follower in pids:
        yield {
            name: ProgramState(name=name, state="STARTING" if pid else "STOPPED", pid=pid, why="")
            for name, pid in (("celery_chat_worker", of_leader), ("celery_delivery_worker", of_follower))
        }


def test_the_follower_is_not_blamed_for_being_restarted_along_with_its_leader(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    control = StackControl(SimpleNamespace(run_dir=str(tmp_path)))  # type: ignore[arg-type]
    looks = states((11, 21), (11, 0), (0, 0))
    monkeypatch.setattr(control, "programs", lambda: next(looks))
    monkeypatch.setattr(control, "_ready", lambda state, former: False)
    with pytest.raises(StartFailed, match="celery_chat_worker died"):
        control._wait(
            ["celery_delivery_worker", "celery_chat_worker"],
            5,
            former={"celery_chat_worker": 10, "celery_delivery_worker": 20},
        )


def test_a_program_that_died_just_before_it_is_killed_is_no_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait(20)
    control = StackControl(SimpleNamespace(run_dir=str(tmp_path)))  # type: ignore[arg-type]
    monkeypatch.setattr(control, "programs", lambda: next(states((dead.pid, 0))))
    assert control.kill("celery_chat_worker") == dead.pid
