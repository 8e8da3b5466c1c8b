"""The command line without a stack: help, exit codes, refusals."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

import pytest

from guard.core.settings import VARIABLES
from zepguard.cli import COMMANDS, run
from zepguard.exit_codes import ExitCode, exit_code_table
from zepguard.parts import PartReport
from zepguard.stack.layout import RunDir
from zepguard.stack.plan import Plan, Ports
from zepguard.stack.programs import info_of

RunReport = import_module("chaos.run").RunReport
Receipt = import_module("chaos.fault").Receipt


@pytest.fixture
def stack_file(tmp_path: Path) -> Path:
    """A description of a stack that is not up."""
    ports = Ports.choose()
    plan = Plan(run_dir=RunDir(path=tmp_path), ports=ports, mode="read_write", time_scale=60)
    path = tmp_path / "stack.json"
    path.write_text(info_of(plan).to_json())
    return path


def test_help_shows_each_command_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    said = capsys.readouterr().out
    for name in COMMANDS:
        assert name in said
    for code, meaning in exit_code_table():
        assert f"{code}  {meaning}" in said


def test_help_imports_no_command() -> None:
    asked = "import sys; from zepguard.cli import run; run(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=30)
    for module in ("django", "celery", "redis", "zep_cloud", "zepguard.stack.stack", "chaos", "fakezep"):
        assert module not in done.stderr.split()


def test_every_command_can_be_called_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name in COMMANDS:
        assert run([name, "--help"]) == 0
        assert "Usage: zepguard " + name in capsys.readouterr().out


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "zepguard", "up", "--time-scale", "0"], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == ExitCode.USAGE
    assert "--time-scale" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["nonsense"], ["nonsense"]),
        (["up", "--time-scale", "0"], ["time scale 0", "from 1"]),
        (["up", "--time-scale", "fast"], ["fast"]),
        (["up", "--mode", "off"], ["off", "write_only"]),
        (["up", "--run-dir", "/"], ["/", "not empty"]),
        (["fakezep", "--port", "70000"], ["70000"]),
        (["chaos", "run", "black-hole", "--stack", "/nowhere"], ["/nowhere", "zepguard up --json"]),
        (["chaos", "run", "black-hole"], ["--stack", "ZEPGUARD_STACK"]),
    ],
)
def test_bad_input_is_refused_by_name_with_the_remedy(
    arguments: list[str], names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == ExitCode.USAGE
    said = capsys.readouterr()
    assert said.out == ""
    for name in names:
        assert name in said.err


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["no-such-fault"], ["no-such-fault", "black-hole"]),
        (["latency", "--set", "latency_ms"], ["latency_ms", "KEY=VALUE"]),
        (["latency", "--set", "latency_ms=slow"], ["latency_ms", "slow"]),
        (["latency", "--set", "nope=1"], ["nope", "jitter_ms"]),
        (["latency", "--for", "-1"], ["for_s", "-1"]),
    ],
)
def test_a_fault_that_cannot_be_is_refused_by_name(
    stack_file: Path, arguments: list[str], names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["chaos", "run", "--stack", str(stack_file), *arguments]) == ExitCode.USAGE
    said = capsys.readouterr().err
    for name in names:
        assert name in said


def test_a_stack_that_is_not_up_is_a_matter_of_the_environment(
    stack_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ZEPGUARD_STACK", str(stack_file))
    monkeypatch.setattr("chaos.run._UNDO_PAUSE_S", 0.0)
    assert run(["chaos", "run", "latency", "--for", "0.1"]) in (ExitCode.ENVIRONMENT, ExitCode.NO_GO)
    assert "Toxiproxy does not answer" in capsys.readouterr().out


REPORT = {
    "fault": "f",
    "started": True,
    "ended_by": "time",
    "signal": None,
    "lasted_s": 1.0,
    "did": (),
    "undid": ("this",),
    "receipt": Receipt(fault="f", seen=True, how="so"),
    "error": None,
    "undo_error": None,
}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, ExitCode.GO),
        ({"receipt": Receipt(fault="f", seen=False, how="not so")}, ExitCode.INCONCLUSIVE),
        ({"receipt": None}, ExitCode.INCONCLUSIVE),
        ({"ended_by": "signal", "signal": "SIGINT"}, ExitCode.ABORTED),
        ({"ended_by": "error", "error": "gone"}, ExitCode.ENVIRONMENT),
        ({"ended_by": "signal", "signal": "SIGINT", "undo_error": "still on"}, ExitCode.NO_GO),
    ],
)
def test_the_end_of_a_fault_is_an_exit_code(
    stack_file: Path,
    change: dict[str, object],
    code: ExitCode,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = RunReport(**{**REPORT, **change})
    module = import_module("zepguard.cli.chaos")
    monkeypatch.setattr(module, "run_fault", lambda *_, **__: report)
    assert run(["chaos", "run", "no-op", "--stack", str(stack_file)]) == code
    assert "undid: this" in capsys.readouterr().out
    run(["chaos", "run", "no-op", "--stack", str(stack_file), "--json"])
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(asdict(report)))


def test_the_list_of_faults_has_settings_to_copy(stack_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["chaos", "list"]) == 0
    said = capsys.readouterr().out
    assert "black-hole" in said
    for line in said.splitlines():
        name, _, settings = line.partition("--set ")
        for setting in settings.split():
            assert "=" in setting, name


@pytest.mark.parametrize(("ok", "code"), [(True, ExitCode.GO), (False, ExitCode.ENVIRONMENT)])
def test_the_doctor_says_how_to_get_what_is_missing(
    ok: bool, code: ExitCode, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = PartReport(name="Thing", part=None, remedy="install thing", optional=ok, used_for="x")
    monkeypatch.setattr(import_module("zepguard.cli.doctor"), "survey", lambda: [report])
    assert run(["doctor"]) == code
    assert "install thing" in capsys.readouterr().out
    assert run(["doctor", "--json"]) == code
    assert json.loads(capsys.readouterr().out)[0]["ok"] is ok


def test_the_table_of_settings_has_each_variable_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["settings", "--markdown"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("`")[1] for line in lines[2:]] == [one.name for one in VARIABLES]
    assert len({line.count("|") for line in lines}) == 1


def test_ctrl_c_ends_any_command_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> list[PartReport]:
        raise KeyboardInterrupt

    monkeypatch.setattr(import_module("zepguard.cli.doctor"), "survey", interrupted)
    assert run(["doctor"]) == 130


@pytest.mark.parametrize(
    ("command", "does"), [("drill", "zepguard.drills.programs.make_ready"), ("simulate", "zepguard.simulate.draw")]
)
def test_ctrl_c_before_a_verdict_is_an_aborted_run(
    command: str, does: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    module, _, name = does.rpartition(".")
    monkeypatch.setattr(import_module(module), name, interrupted)
    assert run([command, "--report", str(tmp_path / "r")]) == 4
    assert "Interrupted" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


@pytest.mark.stack
def test_fakezep_says_where_it_is_and_ends_at_ctrl_c() -> None:
    command = [sys.executable, "-m", "zepguard", "fakezep", "--api-key", "k"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            assert told["admin_url"] == told["url"] + "/admin"
            taken = told["url"].rpartition(":")[2]
            assert run(["fakezep", "--port", taken]) == ExitCode.ENVIRONMENT
            process.send_signal(2)
            assert process.wait(10) == 0
        finally:
            process.kill()
