"""The description of a stack goes through a file and back, and a bad one says what is wrong."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from chatapp.tokens import subject_of
from zepguard.stack.env_file import write_env_file
from zepguard.stack.errors import StackInfoError
from zepguard.stack.info import StackInfo
from zepguard.stack.layout import RunDir
from zepguard.stack.plan import Plan, Ports
from zepguard.stack.programs import info_of

PORTS = Ports(web=1, fakezep=2, toxiproxy=3, zep_proxy=4, guard_store=5, broker=6, store_proxy=7)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(run_dir=RunDir(path=tmp_path), ports=PORTS, mode="read_write", time_scale=60)


@pytest.fixture
def info(plan: Plan) -> StackInfo:
    return info_of(plan)


def test_a_description_goes_through_a_file_and_back(info: StackInfo, tmp_path: Path) -> None:
    (tmp_path / "stack").write_text(info.to_json() + "\n")
    assert "\n" not in info.to_json()
    assert StackInfo.from_file(tmp_path / "stack") == info


def test_it_has_what_issue_three_promises(info: StackInfo) -> None:
    told = json.loads(info.to_json())
    assert told["chat_url"] == "http://127.0.0.1:1/api/chat/"
    assert told["metrics_url"] == "http://127.0.0.1:1/api/metrics/"
    assert told["fakezep_url"] == "http://127.0.0.1:2"
    assert told["fakezep_admin_url"] == "http://127.0.0.1:2/admin"
    assert told["zep_via_proxy_url"] == "http://127.0.0.1:4"
    assert isinstance(told["manage"], list)
    assert isinstance(told["supervisorctl"], list)
    for name in ("zep_api_key", "toxiproxy_url", "redis_url", "jwt", "env_file", "log_file", "run_dir"):
        assert told[name]


def test_what_is_missing_is_named(info: StackInfo) -> None:
    told = asdict(info)
    del told["jwt"], told["redis_url"]
    with pytest.raises(StackInfoError, match="redis_url, jwt"):
        StackInfo.from_json(json.dumps(told))


@pytest.mark.parametrize(("name", "value"), [("manage", "a b"), ("chat_url", 1), ("time_scale", "60")])
def test_what_is_of_the_wrong_kind_is_named(info: StackInfo, name: str, value: object) -> None:
    with pytest.raises(StackInfoError, match=name):
        StackInfo.from_json(json.dumps({**asdict(info), name: value}))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "zepguard: starting"])
def test_what_is_no_description_is_refused(text: str) -> None:
    with pytest.raises(StackInfoError, match="zepguard up --json"):
        StackInfo.from_json(text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StackInfoError, match="nowhere"):
        StackInfo.from_file(tmp_path / "nowhere")


def test_what_a_later_version_adds_is_no_error(info: StackInfo) -> None:
    assert StackInfo.from_json(json.dumps({**asdict(info), "grafana_url": "http://x"})) == info


def test_keys_stay_out_of_its_repr(plan: Plan, info: StackInfo) -> None:
    for secret in (plan.zep_api_key, plan.fakezep_admin_key, plan.jwt_secret, info.jwt):
        assert secret not in repr(info)
        assert secret not in repr(plan)


def test_a_token_for_another_user_is_one_of_the_stack(plan: Plan, info: StackInfo) -> None:
    write_env_file(plan.run_dir.env_file, plan.environment())
    assert subject_of(plan.jwt_secret, info.jwt_for("someone-else")) == "someone-else"
    assert subject_of(plan.jwt_secret, info.jwt) == "first-user"


def test_the_time_scale_divides_the_settings_of_the_guard_and_not_the_deadline(plan: Plan) -> None:
    environment = plan.environment()
    assert environment["ZEPGUARD_HOLD_S"] == "5"
    assert environment["ZEPGUARD_BREAKER_OPEN_S"] == "5"
    assert environment["ZEPGUARD_OUTBOX_BACKOFF_MAX_S"] == "5"
    assert environment["ZEPGUARD_OUTBOX_SETTLE_S"] == "5"
    assert environment["ZEP_TIMEOUT_MS"] == "1500"
