"""The stack of real processes: what is promised of it while it is up, and that nothing of it is left after."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from chaos.fakezep_admin import FakeZepAdmin
from zepguard.exit_codes import ExitCode
from zepguard.stack.control import StackControl
from zepguard.stack.errors import StackUsageError, StartFailed
from zepguard.stack.info import StackInfo
from zepguard.stack.plan import Ports
from zepguard.stack.processes import ProcessIdentity, identify
from zepguard.stack.programs import APP, PARTS
from zepguard.stack.stack import Stack

pytestmark = pytest.mark.stack

UP = [sys.executable, "-m", "zepguard", "up", "--json", "--time-scale", "60"]


@dataclass
class Running:
    """A ``zepguard up`` and all processes of its stack."""

    up: subprocess.Popen[str]
    info: StackInfo
    processes: set[ProcessIdentity]

    @property
    def supervisord(self) -> int:
        return int(Path(self.info.run_dir, "supervisord.pid").read_text())

    def left(self, *, after_s: float) -> set[int]:
        """The pids that still live when none is left, or the time is over."""
        ends_at = time.monotonic() + after_s
        while (left := {one.pid for one in self.processes if identify(one.pid) == one}) and time.monotonic() < ends_at:
            time.sleep(0.02)
        return left


@contextmanager
def running(*prefix: str) -> Iterator[Running]:
    """A ``zepguard up``, whose folder is removed and whose process is ended in any case."""
    command = [*prefix, *UP]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as up:
        run_dir = None
        try:
            assert up.stdout is not None
            info = StackInfo.from_json(up.stdout.readline())
            run_dir = info.run_dir
            pids = [one.pid for one in StackControl(info).programs().values()]
            started = Running(up=up, info=info, processes=set())
            started.processes = {one for one in map(identify, [up.pid, started.supervisord, *pids]) if one}
            yield started
        finally:
            up.kill()
            if run_dir:
                subprocess.run(["rm", "-rf", run_dir], check=True, timeout=20)


@pytest.fixture(scope="module")
def stack() -> Iterator[Running]:
    with running() as started:
        yield started


@pytest.fixture
def control(stack: Running) -> StackControl:
    return StackControl(stack.info)


def turn(info: StackInfo, thread: str) -> httpx.Response:
    return httpx.post(
        info.chat_url,
        json={"message": "I live in Izmir.", "thread_id": thread},
        headers={"Authorization": f"Bearer {info.jwt}"},
        timeout=20,
        trust_env=False,
    )


def manage(info: StackInfo, *arguments: str, **environ: str) -> str:
    done = subprocess.run(
        [*info.manage, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, **environ},
        check=True,
        cwd=tempfile.gettempdir(),
    )
    return done.stdout


def comes_true(question: Callable[[], bool], *, within_s: float = 15) -> bool:
    ends_at = time.monotonic() + within_s
    while time.monotonic() < ends_at:
        if question():
            return True
        time.sleep(0.05)
    return False


# --- while it is up ---


def test_it_is_ready_when_it_says_so(stack: Running, control: StackControl) -> None:
    assert {*PARTS, *APP} <= set(control.programs())
    admin = FakeZepAdmin(stack.info.fakezep_admin_url, stack.info.fakezep_admin_key)
    assert admin.journal().entries == ()
    admin.close()
    answer = turn(stack.info, "ready")
    assert answer.status_code == 200
    assert answer.json()["memory"]["mode"] == "read_write"
    assert httpx.get(stack.info.metrics_url, trust_env=False).status_code == 200


def test_no_key_shows_in_the_list_of_processes(stack: Running) -> None:
    shown = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True, timeout=60).stdout
    assert "celery" in shown
    for secret in (stack.info.zep_api_key, stack.info.fakezep_admin_key, stack.info.jwt_secret, stack.info.jwt):
        assert secret not in shown


def test_its_files_are_for_its_owner_alone(stack: Running) -> None:
    assert Path(stack.info.run_dir).stat().st_mode & 0o077 == 0
    assert Path(stack.info.env_file).stat().st_mode & 0o077 == 0


def test_a_flag_edited_in_the_env_file_takes_effect_on_restart(stack: Running, control: StackControl) -> None:
    with control.settings({"FLAG_ZEP_READ": "false"}, restart=["celery_chat_worker"]):
        status = manage(stack.info, "zep_mode", "--status")
        assert "Base mode (from flags): write_only" in status
        assert turn(stack.info, "flipped").json()["memory"]["mode"] == "write_only"
    assert "Base mode (from flags): read_write" in manage(stack.info, "zep_mode", "--status")
    assert turn(stack.info, "flipped").json()["memory"]["mode"] == "read_write"


def test_supervisorctl_restarts_by_the_name_of_the_runbook(stack: Running, control: StackControl) -> None:
    before = control.programs()["celery_chat_worker"].pid
    argv = [*stack.info.supervisorctl, "restart", "celery_chat_worker"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True)
    assert "celery_chat_worker: started" in done.stdout
    control.wait_ready("celery_chat_worker")
    assert control.programs()["celery_chat_worker"].pid != before


def test_a_stray_flag_of_the_callers_shell_changes_nothing(stack: Running) -> None:
    status = manage(stack.info, "zep_mode", "--status", FLAG_ZEP_READ="nonsense", ZEP_API_URL="http://elsewhere")
    assert "Base mode (from flags): read_write" in status


def test_a_flag_that_the_guard_refuses_is_told(control: StackControl) -> None:
    with (
        pytest.raises(StartFailed, match="celery_chat_worker"),
        control.settings({"FLAG_ZEP_READ": "true", "FLAG_ZEP_WRITE": "false"}, restart=["celery_chat_worker"]),
    ):
        pytest.fail("the worker came up")
    control.wait_ready("celery_chat_worker", "celery_delivery_worker")


def test_a_worker_killed_again_and_again_comes_back(stack: Running, control: StackControl) -> None:
    former = 0

    def runs_anew() -> bool:
        state = control.programs()["celery_chat_worker"]
        return state.alive and state.pid != former

    for _ in range(4):
        assert comes_true(runs_anew)
        former = control.kill("celery_chat_worker")
    assert comes_true(runs_anew)
    control.wait_ready("celery_chat_worker", within_s=30)
    assert turn(stack.info, "killed").status_code == 200


def test_a_killed_toxiproxy_comes_back_with_its_proxy(stack: Running, control: StackControl) -> None:
    control.kill("toxiproxy")

    def proxied() -> bool:
        try:
            return httpx.get(f"{stack.info.toxiproxy_url}/proxies/zep", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    assert comes_true(proxied)
    # 404 with a body of Zep's own kind: the way through is open.
    assert comes_true(lambda: _answers(stack.info.zep_via_proxy_url))


def test_what_is_no_program_is_named(control: StackControl) -> None:
    with pytest.raises(StackUsageError, match="celery_chat_worker"):
        control.restart("celery")


def _answers(url: str) -> bool:
    try:
        httpx.get(url, trust_env=False)
    except httpx.TransportError:
        return False
    return True


# --- and after ---


def test_a_killed_up_leaves_no_process_and_one_folder() -> None:
    with running() as started:
        started.up.kill()
        assert started.left(after_s=5) == set()
        assert Path(started.info.run_dir).is_dir()
    assert not Path(started.info.run_dir).exists()


def test_a_killed_supervisor_leaves_no_process_and_up_says_so() -> None:
    with running() as started:
        os.kill(started.supervisord, signal.SIGKILL)
        assert started.left(after_s=5) == set()
        assert started.up.wait(10) == ExitCode.ENVIRONMENT


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_nothing_also_where_a_shell_ignores_it(number: signal.Signals) -> None:
    background = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"]
    with running(*background) as started:
        started.up.send_signal(number)
        assert started.up.wait(15) == ExitCode.GO
        assert started.left(after_s=0.1) == set()
        assert not Path(started.info.run_dir).exists()


def test_interrupted_while_starting_it_leaves_nothing(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="zg-")) / "run"
    try:
        command = [*UP, "--run-dir", str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as up:
            try:
                assert comes_true((folder / "supervisord.pid").exists)
                supervisord = identify(int((folder / "supervisord.pid").read_text()))
                up.send_signal(signal.SIGINT)
                out, _ = up.communicate(timeout=20)
            finally:
                up.kill()
        assert (up.returncode, out) == (130, "")
        assert supervisord is None or identify(supervisord.pid) != supervisord
        assert not folder.exists()
    finally:
        folder.parent.rmdir()


def test_a_port_taken_meanwhile_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    choose = Ports.choose
    told: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = [Ports(**{**vars_of(choose()), "fakezep": other.getsockname()[1]})]
        monkeypatch.setattr(Ports, "choose", lambda: taken.pop() if taken else choose())
        with Stack.start(time_scale=60, on_progress=told.append) as info:
            assert httpx.get(info.health_url, trust_env=False).status_code == 200
    assert [line for line in told if "port" in line]
    assert not Path(info.run_dir).exists()


def vars_of(ports: Ports) -> dict[str, int]:
    return {name: getattr(ports, name) for name in Ports.__dataclass_fields__}


def test_a_program_that_dies_at_its_start_is_told_with_the_end_of_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZEPGUARD_STACK_DATABASE_URL", "nonsense")
    folder = Path(tempfile.mkdtemp(prefix="zg-")) / "run"
    try:
        with pytest.raises(StartFailed, match="DATABASE_URL cannot be read"):
            Stack.start(time_scale=60, run_dir=folder)
        assert not folder.exists()
    finally:
        folder.parent.rmdir()


def test_the_next_things_to_try_are_real_commands() -> None:
    command = [sys.executable, "-m", "zepguard", "up", "--time-scale", "60", "--mode", "write_only"]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PATH": path}) as up:
        try:
            assert up.stdout is not None
            lines: list[str] = []
            while not (lines and lines[-1].startswith("     zepguard chaos run")):
                lines.append(up.stdout.readline())
                assert lines[-1], "it ended"
            chat, status, fault = (shlex.split(line) for line in lines if line.startswith("     "))
            assert json.loads(_said(chat))["memory"]["mode"] == "write_only"
            assert "2 s apart" in lines[-2]  # sooner, the negative window hides the read that would downgrade
            assert "Base mode (from flags): write_only" in _said(status)
            assert "undid" in _said([*fault[:-1], "2"], PATH=path)
        finally:
            up.send_signal(signal.SIGINT)
            assert up.wait(15) == ExitCode.GO


def _said(command: list[str], **environ: str) -> str:
    env = {**os.environ, **environ}
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True, env=env).stdout
