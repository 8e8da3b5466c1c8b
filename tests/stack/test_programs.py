"""The table of programs and the run folder, without starting anything."""

from __future__ import annotations

import json
import os
import shlex
import socket
from configparser import RawConfigParser
from pathlib import Path

import pytest

from zepguard.stack.environment import clean_environment
from zepguard.stack.errors import StackUsageError
from zepguard.stack.layout import RunDir
from zepguard.stack.plan import Plan, Ports
from zepguard.stack.ports import free_ports
from zepguard.stack.programs import APP, PARTS, info_of, programs_of, supervisor_config, toxiproxy_config

PORTS = Ports(web=1, fakezep=2, toxiproxy=3, zep_proxy=4, guard_store=5, broker=6, store_proxy=7)


@pytest.fixture
def plan() -> Plan:
    return Plan(run_dir=RunDir(path=Path("/r")), ports=PORTS, mode="write_only", time_scale=1)


def test_the_programs_have_exactly_the_names_of_the_runbook(plan: Plan) -> None:
    names = {one.name for one in programs_of(plan, valkey=Path("/v"), toxiproxy=Path("/t"))}
    assert names == {*PARTS, *APP}
    assert names == {
        *("uvicorn", "celery_chat_worker", "celery_delivery_worker", "fakezep", "toxiproxy"),
        *("guard_store", "broker"),
    }


def test_no_key_stands_in_an_argv_or_in_the_configuration(plan: Plan) -> None:
    config = supervisor_config(plan.run_dir, programs_of(plan, valkey=Path("/v"), toxiproxy=Path("/t")))
    for secret in (plan.zep_api_key, plan.fakezep_admin_key, plan.jwt_secret, plan.secret_key):
        assert secret not in config


def test_the_supervisor_reads_back_each_command(plan: Plan) -> None:
    programs = programs_of(plan, valkey=Path("/50%/v"), toxiproxy=Path("/t"))
    parser = RawConfigParser(inline_comment_prefixes=(";", "#"), strict=True)
    parser.read_string(supervisor_config(plan.run_dir, programs))
    for program in programs:
        command = parser.get(f"program:{program.name}", "command") % {}
        assert shlex.split(command)[-len(program.argv) :] == list(program.argv)


def test_write_only_is_a_matter_of_flags(plan: Plan) -> None:
    environment = plan.environment()
    assert (environment["FLAG_ZEP_WRITE"], environment["FLAG_ZEP_READ"]) == ("true", "false")


def test_what_the_callers_shell_has_set_does_not_reach_a_program() -> None:
    shell = {"FLAG_ZEP_READ": "true", "ZEP_API_URL": "x", "http_proxy": "p", "HTTPS_PROXY": "p", "PATH": "/bin"}
    assert clean_environment(shell) == {"PATH": "/bin"}


def test_where_the_callers_programs_are_is_still_known() -> None:
    """A soak or a panel's question starts Prometheus from inside a world that has put the shell's settings away."""
    parts = ("PROMETHEUS_SERVER", "PROMTOOL", "ALERTMANAGER_SERVER", "AMTOOL", "TOXIPROXY_SERVER", "VALKEY_SERVER")
    shell = dict.fromkeys(parts, "/opt/bin/program")
    assert clean_environment({**shell, "PROMETHEUS_MULTIPROC_DIR": "/tmp/a", "prometheus_multiproc_dir": "b"}) == shell


def test_free_ports_are_different_and_free() -> None:
    ports = free_ports(6)
    assert len(set(ports)) == 6
    for port in ports:
        with socket.create_server(("127.0.0.1", port)):
            pass


@pytest.mark.parametrize("name", ["a b", "a;b", "a#b", "50%", "a'b", "x" * 90])
def test_a_run_folder_that_a_configuration_cannot_hold_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StackUsageError, match="run folder"):
        RunDir.make(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(StackUsageError, match="not empty"):
        RunDir.make(tmp_path)


def test_a_long_temporary_folder_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("x" * 80)))
    run_dir = RunDir.make()
    try:
        assert len(os.fsencode(run_dir.socket)) < 100
    finally:
        run_dir.remove()
    assert not run_dir.path.exists()


def test_the_guards_store_has_a_proxy_of_its_own_and_the_broker_has_none(plan: Plan) -> None:
    proxies = {one["name"]: one for one in json.loads(toxiproxy_config(plan))}
    assert proxies["guard_store"]["upstream"] == "127.0.0.1:5"
    assert {one["upstream"] for one in proxies.values()} == {"127.0.0.1:2", "127.0.0.1:5"}
    variables = plan.environment()
    assert variables["GUARD_REDIS_URL"] == f"redis://{proxies['guard_store']['listen']}/0"
    assert variables["CELERY_BROKER_URL"] == "redis://127.0.0.1:6/0"
    told = info_of(plan)
    assert (told.redis_via_proxy_url, told.store_proxy) == (variables["GUARD_REDIS_URL"], "guard_store")
