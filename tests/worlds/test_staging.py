"""World staging without an environment: refusals, secrets, the dry run, and what is void when a key is missing."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from zepguard.cli import run
from zepguard.drills.catalogue import catalogue
from zepguard.drills.where import runs_in
from zepguard.masking import Mask
from zepguard.worlds.staging import StagingConfig, StagingConfigError, StagingWorld, rehearse
from zepguard.worlds.staging.commands import Commands
from zepguard.worlds.staging.template import CommandTemplate
from zepguard.worlds.world import WorldError

FULL: dict[str, Any] = {
    "allow_faults": True,
    "chat_url": "https://staging.invalid/api/chat/",
    "metrics_url": "https://staging.invalid/api/metrics/",
    "metrics_token_env": "STAGING_METRICS_TOKEN",
    "token_command": "staff token --secret hunter22 {user}",
    "zep_mode": ["kubectl", "exec", "deploy/chat", "--", "python", "manage.py", "zep_mode", "{args}"],
    "set_variables": ["kubectl", "set", "env", "deploy/chat", "{name}={value}"],
    "get_variable": ["kubectl", "exec", "deploy/chat", "--", "printenv", "{name}"],
    "restart_worker": ["kubectl", "rollout", "restart", "deploy/chat"],
    "log_command": ["kubectl", "logs", "deploy/chat", "--since-time={since}", "--password=metrics-secret"],
    "processes_command": ["staff", "processes"],
    "toxiproxy_url": "http://staging.invalid:8474",
    "zep_via_proxy_url": "http://staging.invalid:8001",
    "zep_api_key_env": "STAGING_ZEP_API_KEY",
}
FAKEZEP = '\n[fakezep]\nadmin_url = "http://staging.invalid:8002/admin"\nadmin_key_env = "STAGING_FAKEZEP_KEY"\n'
SECRETS = {
    "STAGING_METRICS_TOKEN": "metrics-secret",
    "STAGING_ZEP_API_KEY": "zep-secret",
    "STAGING_FAKEZEP_KEY": "fakezep-secret",
}


def written(folder: Path, table: dict[str, Any], more: str = "") -> Path:
    """A staging.toml; JSON's texts, lists, numbers and booleans are TOML's too."""
    path = folder / "staging.toml"
    path.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items()) + more)
    return path


def configured(folder: Path, **table: Any) -> StagingConfig:
    return StagingConfig.from_file(written(folder, {"allow_faults": True, **table}), SECRETS)


def printing(text: str, code: int = 0) -> list[str]:
    """A command that prints a text and ends so."""
    return [sys.executable, "-c", f"import sys; print({text!r}); sys.exit({code})"]


# --- the config


def test_a_full_config_is_read_with_its_secrets_from_the_environment_and_shows_none(tmp_path: Path) -> None:
    config = StagingConfig.from_file(written(tmp_path, FULL, FAKEZEP), SECRETS)
    assert set(config.secrets) == set(SECRETS.values())
    assert (config.proxy, config.time_scale) == ("zep", 1)
    assert "zep-secret" not in repr(config)
    assert "fakezep-secret" not in repr(config)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"allow_faults": None}, ["allow_faults is missing", "allow_faults = true"]),
        ({"allow_faults": False}, ["allow_faults = false is refused", "allow_faults = true"]),
        ({"allow_faults": "true"}, ["allow_faults = 'true'", "without quotes"]),
        ({"chat_ulr": "http://x/"}, ["chat_ulr", "did you mean chat_url?"]),
        ({"chat_url": "staging/api/chat"}, ["chat_url = 'staging/api/chat'", "full URL"]),
        ({"chat_url": "http://me:hunter22@x/"}, ["chat_url = 'http://me:***@x/'", "without a name or password"]),
        ({"toxiproxy_url": "https://x:8474"}, ["toxiproxy_url = 'https://x:8474'", "http://127.0.0.1:8474"]),
        ({"zep_via_proxy_url": "http://x"}, ["zep_via_proxy_url = 'http://x'"]),
        ({"zep_mode": ["kubectl", "exec"]}, ["zep_mode = ['kubectl', 'exec']", "{args}"]),
        ({"set_variables": ["set"]}, ["set_variables", "{name}"]),
        ({"restart_worker": []}, ["restart_worker = []", "list of words"]),
        ({"restart_worker": 'a "b'}, ["restart_worker", "list of words"]),
        ({"restart_worker": ["a", 1]}, ["restart_worker = ['a', 1]"]),
        ({"zep_api_key_env": "NOT_SET"}, ["zep_api_key_env = 'NOT_SET'", "export NOT_SET"]),
        ({"zep_api_key_env": "z_1.the-key"}, ["zep_api_key_env = '***'", "not the secret itself"]),
        ({"time_scale": 0}, ["time_scale = 0", "from 1"]),
        ({"time_scale": "fast"}, ["time_scale = 'fast'"]),
        ({"command_timeout_s": -1}, ["command_timeout_s = -1", "above 0"]),
        ({"log_file": "app.log"}, ["log_file = 'app.log'", "log_command"]),
        ({"fakezep": "yes"}, ["fakezep = 'yes'", "[fakezep]"]),
    ],
)
def test_what_cannot_be_is_refused_with_file_key_value_and_remedy(
    change: dict[str, Any], names: list[str], tmp_path: Path
) -> None:
    table = {key: value for key, value in {**FULL, **change}.items() if value is not None}
    with pytest.raises(StagingConfigError) as refused:
        StagingConfig.from_file(written(tmp_path, table), SECRETS)
    for name in ["staging.toml", *names]:
        assert name in str(refused.value)
    assert "the-key" not in str(refused.value)


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ("[fakezep]\n", "fakezep.admin_url is missing"),
        ('[fakezep]\nadmin_url = "http://x:1"\n', "fakezep.admin_key_env is missing"),
        ('[fakezep]\nadmin_key = "x"\n', "no key fakezep.admin_key: did you mean admin_key_env?"),
        ("chat_url\n", "is no TOML"),
    ],
)
def test_the_rest_of_the_file_is_refused_by_name_too(more: str, name: str, tmp_path: Path) -> None:
    with pytest.raises(StagingConfigError, match=r"staging\.toml") as refused:
        StagingConfig.from_file(written(tmp_path, {"allow_faults": True}, more), SECRETS)
    assert name in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["--world", "staging"], "--config FILE"),
        (["--world", "staging", "--config", "nowhere.toml"], "nowhere.toml cannot be read"),
        (["--world", "staging", "--config", "{file}"], "allow_faults is missing"),
        (["--world", "staging", "--config", "{file}", "--dry-run"], "allow_faults is missing"),
        (["--world", "staging", "--config", "{file}", "--time-scale", "60"], "--time-scale"),
        (["--world", "sim", "--dry-run"], "--world staging only"),
        (["--config", "{file}"], "--world staging only"),
    ],
)
def test_the_command_refuses_what_cannot_be(
    arguments: list[str], name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(written(tmp_path, {"chat_url": "http://x/"}))
    assert run(["drill", *(one.replace("{file}", file) for one in arguments)]) == 2
    assert name in capsys.readouterr().err


# --- commands and secrets


@pytest.mark.parametrize(
    ("words", "argv"),
    [
        (("exec", "{args}"), ["exec", "--force", "a b"]),
        (("ssh", "cd /srv && zep_mode {args}"), ["ssh", "cd /srv && zep_mode --force 'a b'"]),
        (("set", "{name}={value}"), ["set", "N=it's"]),
        (("ssh", "set {name} {value:q}"), ["ssh", """set N 'it'"'"'s'"""]),
        (("awk", "{print $1}", "{other}"), ["awk", "{print $1}", "{other}"]),
    ],
)
def test_placeholders_become_words_or_stand_in_them(words: tuple[str, ...], argv: list[str]) -> None:
    template = CommandTemplate(key="any", words=words)
    assert template.argv({"name": "N", "value": "it's"}, ["--force", "a b"]) == argv


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("the zep-secret is out", "the *** is out"),
        ("ZEP_API_KEY=abc --token xyz", "ZEP_API_KEY=*** --token ***"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("redis://user:abc@host/0", "redis://user:***@host/0"),
        ("kubectl exec deploy/chat", "kubectl exec deploy/chat"),
    ],
)
def test_secrets_are_masked_by_value_and_by_the_look_of_their_name(text: str, shown: str) -> None:
    assert Mask(["zep-secret"])(text) == shown


def test_a_command_that_does_not_end_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    script = "sleep 60 & echo $! > pid; wait"
    template = CommandTemplate(key="restart_worker", words=("sh", "-c", script))
    with pytest.raises(WorldError, match=r"restart_worker of staging\.toml did not end within 0.5 s"):
        Commands(tmp_path / "staging.toml", Mask()).run(template, timeout_s=0.5)
    pid = int((tmp_path / "pid").read_text())
    gives_up_at = time.monotonic() + 30  # a killed process takes a moment to die
    while _lives(pid):
        assert time.monotonic() < gives_up_at


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def test_a_failed_command_is_named_by_its_key_and_shows_no_secret(tmp_path: Path) -> None:
    script = "import sys; sys.exit('no such thing: zep-secret, API_KEY=abcdef')"
    template = CommandTemplate(key="set_variables", words=(sys.executable, "-c", script, "zep-secret"))
    with pytest.raises(WorldError) as failed:
        Commands(tmp_path / "staging.toml", Mask(["zep-secret"])).must(template, timeout_s=30)
    assert str(failed.value) == "set_variables of staging.toml ended with 1: no such thing: ***, API_KEY=***"


def test_a_token_command_that_prints_more_than_a_token_is_refused_without_showing_it(tmp_path: Path) -> None:
    config = configured(tmp_path, chat_url="http://127.0.0.1:1/", token_command=printing("your token: eyJ0b2tlbg"))
    world = StagingWorld(config)
    with pytest.raises(WorldError, match="token_command") as failed:
        world.say("hello", thread="t")
    assert "eyJ" not in str(failed.value)
    world.close()


# --- the dry run


def test_the_dry_run_tells_each_step_and_what_it_would_touch_without_secrets(tmp_path: Path) -> None:
    said = list(rehearse(StagingConfig.from_file(written(tmp_path, FULL, FAKEZEP), SECRETS), []))
    text = "\n".join(said)
    assert sum(line.startswith(("  Given ", "  When ", "  Then ")) for line in said) == sum(
        len(one.steps) for one in catalogue() if runs_in("staging", one.ids, only=one.only)
    )
    assert {line.strip() for line in said if "VOID" in line} == {
        "VOID: no drill deploys another release",
        "VOID: no drill kills celery_delivery_worker in a deployed environment",
    }
    for touched in (
        "runs kubectl exec deploy/chat -- python manage.py zep_mode --force rollback --ttl 900",
        "runs kubectl set env deploy/chat ZEP_API_KEY=***",
        "runs kubectl rollout restart deploy/chat",
        "POST https://staging.invalid/api/chat/",
        "GET https://staging.invalid/api/metrics/",
        "puts fault black-hole on proxy zep at http://staging.invalid:8474",
        "puts fault http-403 on the fake Zep at http://staging.invalid:8002/admin",
        "puts fault latency latency_ms=1000 on proxy zep",
        "waits 300 s",
    ):
        assert touched in text
    for secret in (*SECRETS.values(), "hunter22"):
        assert secret not in text


WATCHED = """
import sys
def watch(event, arguments):
    if event.startswith(("socket.connect", "socket.getaddrinfo", "subprocess", "os.exec", "os.posix_spawn", "os.fork")):
        print("TOUCHED", event, arguments, flush=True)
        sys.exit(99)
sys.addaudithook(watch)
from zepguard.cli import run
sys.exit(run(sys.argv[1:]))
"""


def test_the_dry_run_makes_no_request_and_starts_no_process(tmp_path: Path) -> None:
    config = written(tmp_path, {key: value for key, value in FULL.items() if not key.endswith("_env")})
    argv = [sys.executable, "-c", WATCHED, "drill", "--world", "staging", "--config", str(config), "--dry-run"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "TOUCHED" not in done.stdout
    assert [one.name for one in tmp_path.iterdir()] == ["staging.toml"]


def test_the_dry_run_tells_only_what_was_selected_and_which_key_is_missing(tmp_path: Path) -> None:
    table = {key: value for key, value in FULL.items() if key not in ("restart_worker", "metrics_token_env")}
    said = "\n".join(rehearse(StagingConfig.from_file(written(tmp_path, table), SECRETS), ["drill4-gauge"]))
    assert said.count("(drill4-gauge)") == sum(one.ids == ("drill4-gauge",) for one in catalogue())
    assert "drill5" not in said
    assert "VOID: staging.toml has no restart_worker" in said


# --- what is not configured


@pytest.mark.parametrize(
    ("act", "key"),
    [
        (lambda world: world.say("hello", thread="t"), "chat_url"),
        (lambda world: world.metrics(), "metrics_url"),
        (lambda world: world.zep_mode("--status"), "zep_mode"),
        (lambda world: world.status(), "zep_mode"),
        (lambda world: world.variables()["ZEP_API_KEY"], "get_variable"),
        (lambda world: world.set_variables({"ZEP_API_KEY": "x"}), "set_variables"),
        (lambda world: world.restart_worker(), "restart_worker"),
        (lambda world: world.log_events(), "log_command or log_file"),
        (lambda world: world.start_fault("black-hole"), "zep_via_proxy_url"),
        (lambda world: world.start_fault("http-403"), "[fakezep]"),
        (lambda world: world.requests_to_zep(), "[fakezep]"),
        (lambda world: world.stored_messages("t"), "[fakezep]"),
        (lambda world: dict(world.processes()) == dict(world.processes()), "processes_command"),
    ],
)
def test_what_is_not_configured_is_void_and_names_the_key(act: Any, key: str, tmp_path: Path) -> None:
    world = StagingWorld(configured(tmp_path))
    world.begin("a test")
    with pytest.raises(WorldError) as void:
        act(world)
    assert f"staging.toml has no {key}: without it zepguard cannot" in str(void.value)
    world.end()
    world.close()


def test_a_drill_without_its_keys_is_void_and_never_passed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = written(tmp_path, {"allow_faults": True})
    argv = [sys.executable, "-m", "zepguard", "drill", "--world", "staging", "--config", str(config), "4", "ops"]
    done = subprocess.run(
        [*argv, "--report", str(tmp_path / "report")], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 3, done.stdout + done.stderr
    results = json.loads((tmp_path / "report" / "results.json").read_text())
    scenarios = [one for drill in results["drills"] for one in drill["scenarios"]]
    assert {one["status"] for one in scenarios} == {"void"}
    assert all("staging.toml has no metrics_url" in one["problem"] for one in scenarios)


# --- as it was found


STATUS = {"base": "read_write", "forced": None, "failures": 0, "workers": []}


def test_a_forced_mode_that_is_not_the_drills_is_neither_drilled_over_nor_cleared(tmp_path: Path) -> None:
    forced = {**STATUS, "forced": {"reason": "manual", "remaining_s": 240.0}}
    script = (
        "import sys, pathlib, json; pathlib.Path('asked').open('a').write(' '.join(sys.argv[1:]) + chr(10)); "
        f"print({json.dumps(forced)!r})"
    )
    world = StagingWorld(configured(tmp_path, zep_mode=[sys.executable, "-c", script, "{args}"]))
    with pytest.raises(WorldError, match="reason manual, 240 s left"):
        world.begin("a test")
    world.end()
    world.close()
    assert "--clear" not in (tmp_path / "asked").read_text()


SHELF = """
import sys, pathlib
name, *value = sys.argv[1:]
path = pathlib.Path(name)
path.write_text(value[0]) if value else print(path.read_text())
"""


def test_variables_are_put_back_and_the_worker_restarted_also_when_the_restart_failed_before(tmp_path: Path) -> None:
    (tmp_path / "ZEP_API_KEY").write_text("the former key")
    (tmp_path / "shelf.py").write_text(SHELF)
    world = StagingWorld(
        configured(
            tmp_path,
            get_variable=[sys.executable, "shelf.py", "{name}"],
            set_variables=[sys.executable, "shelf.py", "{name}", "{value}"],
            restart_worker=["sh", "-c", "echo restarted >> restarts; exit 1"],
            zep_mode=[*printing(json.dumps(STATUS)), "{args}"],
        )
    )
    world.begin("a test")
    world.set_variables({"ZEP_API_KEY": "bad_key_xyz"})
    assert (tmp_path / "ZEP_API_KEY").read_text() == "bad_key_xyz"
    with pytest.raises(WorldError, match=r"restart_worker of staging\.toml ended with 1"):
        world.restart_worker()
    with pytest.raises(WorldError, match=r"restart_worker of staging\.toml ended with 1"):
        world.end()
    assert (tmp_path / "ZEP_API_KEY").read_text() == "the former key"
    with pytest.raises(WorldError, match=r"restart_worker of staging\.toml ended with 1"):
        world.begin("the next, which must not start on this")
    world.close()
    assert (tmp_path / "restarts").read_text().count("restarted") == 4


def test_a_restart_that_replaced_nobody_is_no_restart(tmp_path: Path) -> None:
    status = {**STATUS, "workers": [{"name": "celery_chat_worker@host:1", "program": "celery_chat_worker"}]}
    world = StagingWorld(
        configured(
            tmp_path,
            zep_mode=[*printing(json.dumps(status)), "{args}"],
            restart_worker=["true"],
            restart_timeout_s=0.5,
        )
    )
    with pytest.raises(WorldError, match="celery_chat_worker@host:1 lived on after restart_worker"):
        world.restart_worker()
    world.close()


def test_log_lines_from_before_the_scenario_and_those_of_other_programs_are_left_out(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text('{"event": "old", "timestamp": 1}\n')
    world = StagingWorld(configured(tmp_path, log_file="app.log"))
    world.begin("a test")
    with log.open("a") as file:
        file.write('INFO something\n{"event": "new", "timestamp": 2}\n{"no": "event"}\n{half a line\n')
    assert [one["event"] for one in world.log_events()] == ["new"]
    world.close()
