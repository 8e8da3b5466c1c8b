"""The local stack as a deployed environment: drilled through ``staging.toml`` alone, and left as it was."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chaos.toxiproxy import ToxiproxyServer
from zepguard.stack.env_file import read_env_file
from zepguard.stack.info import StackInfo
from zepguard.stack.stack import Stack

pytestmark = pytest.mark.stack

STAFF = Path(__file__).parent / "test_staging_parts" / "stack_staff.py"


@pytest.fixture(scope="module")
def stack() -> Iterator[StackInfo]:
    with Stack.start(time_scale=60) as info:
        yield info


@pytest.fixture
def config(stack: StackInfo, tmp_path: Path) -> Path:
    """A staging.toml with everything in it."""
    description = tmp_path / "stack.json"
    description.write_text(stack.to_json())
    staff = [sys.executable, str(STAFF), str(description)]
    top: dict[str, Any] = {
        "allow_faults": True,
        "chat_url": stack.chat_url,
        "metrics_url": stack.metrics_url,
        "token_command": [*staff, "token", "{user}"],
        "zep_mode": [*stack.manage, "zep_mode", "{args}"],
        "set_variables": [*staff, "set", "{name}"],
        "get_variable": [*staff, "get", "{name}"],
        "restart_worker": [*stack.supervisorctl, "restart", "celery_chat_worker"],
        "log_file": stack.log_file,
        "processes_command": [*staff, "processes"],
        "toxiproxy_url": stack.toxiproxy_url,
        "zep_via_proxy_url": stack.zep_via_proxy_url,
        "zep_api_key_env": "STAGING_ZEP_API_KEY",
        "time_scale": 60,
    }
    fakezep = {"admin_url": stack.fakezep_admin_url, "admin_key_env": "STAGING_FAKEZEP_KEY"}
    path = tmp_path / "staging.toml"
    path.write_text("\n".join([*map(line, top.items()), "[fakezep]", *map(line, fakezep.items())]) + "\n")
    return path


def line(item: tuple[str, Any]) -> str:
    """A TOML line; JSON's texts, lists, numbers and booleans are TOML's too."""
    return f"{item[0]} = {json.dumps(item[1])}"


@pytest.fixture(autouse=True)
def secrets(stack: StackInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGING_ZEP_API_KEY", stack.zep_api_key)
    monkeypatch.setenv("STAGING_FAKEZEP_KEY", stack.fakezep_admin_key)


def drill_argv(config: Path, *selectors: str) -> list[str]:
    report = str(config.parent / "report")
    argv = [sys.executable, "-m", "zepguard", "drill", "--world", "staging"]
    return [*argv, "--config", str(config), "--report", report, *selectors]


def clean(stack: StackInfo) -> bool:
    return not ToxiproxyServer(stack.toxiproxy_url).toxics("zep")


def test_drills_pass_on_the_local_stack_through_the_config_alone(stack: StackInfo, config: Path) -> None:
    before = read_env_file(stack.env_file)
    argv = drill_argv(config, "drill4-gauge", "drill5-third", "ops-status")
    done = subprocess.run(argv, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((config.parent / "report" / "results.json").read_text())
    assert (results["verdict"], results["world"], results["time_scale"]) == ("passed", "staging", 60)
    assert read_env_file(stack.env_file) == before
    assert clean(stack)
    shown = done.stdout + done.stderr + (config.parent / "report" / "junit.xml").read_text() + json.dumps(results)
    for secret in (stack.zep_api_key, stack.fakezep_admin_key, "eyJ"):
        assert secret not in shown


def test_a_drill_that_is_told_to_stop_takes_its_fault_off_and_puts_the_mode_back(
    stack: StackInfo, config: Path
) -> None:
    drill = subprocess.Popen(drill_argv(config, "drill5-third"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        ends_at = time.monotonic() + 60
        while clean(stack):
            assert drill.poll() is None
            assert time.monotonic() < ends_at
            time.sleep(0.1)
        drill.send_signal(signal.SIGTERM)
        said, _ = drill.communicate(timeout=60)
    finally:
        drill.kill()
    assert drill.returncode == 4, said
    assert clean(stack)


def test_what_one_missing_key_costs_is_void_and_the_rest_passes(config: Path) -> None:
    kept = [one for one in config.read_text().splitlines(keepends=True) if not one.startswith("zep_via_proxy_url")]
    config.write_text("".join(kept))
    argv = drill_argv(config, "drill5-third", "ops-status")
    done = subprocess.run(argv, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 3, done.stdout + done.stderr
    results = json.loads((config.parent / "report" / "results.json").read_text())
    said = {one["ids"][0]: (one["status"], one["problem"]) for drill in results["drills"] for one in drill["scenarios"]}
    assert said["ops-status"] == ("passed", "")
    assert said["drill5-third"][0] == "void"
    assert "staging.toml has no zep_via_proxy_url" in said["drill5-third"][1]
