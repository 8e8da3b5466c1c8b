"""A stack that serves both arms for a while: what its programs read, and that it is put back. No process is started."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from zepguard.load import arms
from zepguard.load.errors import StackUnfit
from zepguard.load.stages import load_stages
from zepguard.stack.env_file import read_env_file, write_env_file
from zepguard.stack.errors import StartFailed
from zepguard.stack.info import StackInfo
from zepguard.stack.layout import RunDir
from zepguard.stack.plan import Plan, Ports
from zepguard.stack.programs import info_of

WRITE_ONLY = load_stages()["staging-write-only"]


@dataclass
class Restarts:
    """Stands for the supervisor: notes what the env file said at each restart, and may fail."""

    info: StackInfo
    fails: BaseException | None = None
    seen: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, info: StackInfo) -> Restarts:
        assert info == self.info
        return self

    def restart(self, *names: str, within_s: float) -> None:
        assert set(names) == {"celery_chat_worker", "celery_delivery_worker"}
        self.seen.append(read_env_file(self.info.env_file))
        fails, self.fails = self.fails, None
        if fails is not None:
            raise fails


@pytest.fixture
def restarts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Restarts:
    plan = Plan(run_dir=RunDir(path=tmp_path), ports=Ports.choose(), mode="read_write", time_scale=60)
    write_env_file(plan.run_dir.env_file, plan.environment())
    made = Restarts(info_of(plan))
    monkeypatch.setattr(arms, "StackControl", made)
    return made


def test_the_workers_start_with_the_stages_mode_and_half_of_the_threads_and_all_is_put_back(restarts: Restarts) -> None:
    before = read_env_file(restarts.info.env_file)
    with arms.both_arms(restarts.info, WRITE_ONLY):
        now = read_env_file(restarts.info.env_file)
    assert (now["CHATAPP_MEMORY_SHARE"], now["FLAG_ZEP_READ"], now["FLAG_ZEP_WRITE"]) == ("0.5", "false", "true")
    assert restarts.seen == [now, before]
    assert read_env_file(restarts.info.env_file) == before


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("the run broke")])
def test_it_is_put_back_whatever_ends_the_run(restarts: Restarts, error: BaseException) -> None:
    before = read_env_file(restarts.info.env_file)
    with pytest.raises(type(error)), arms.both_arms(restarts.info, WRITE_ONLY):
        raise error
    assert restarts.seen[-1] == read_env_file(restarts.info.env_file) == before


@pytest.mark.parametrize(
    ("fails", "raised"), [(KeyboardInterrupt(), KeyboardInterrupt), (StartFailed("it died"), StackUnfit)]
)
def test_it_is_put_back_when_the_workers_were_still_starting(
    restarts: Restarts, fails: BaseException, raised: type[BaseException]
) -> None:
    before = read_env_file(restarts.info.env_file)
    restarts.fails = fails
    with pytest.raises(raised), arms.both_arms(restarts.info, WRITE_ONLY):
        raise AssertionError("the run must not begin")
    assert restarts.seen[-1] == read_env_file(restarts.info.env_file) == before


def test_a_stack_that_serves_both_arms_already_is_left_alone(restarts: Restarts) -> None:
    arms.serve_both_arms(restarts.info, WRITE_ONLY)
    served = read_env_file(restarts.info.env_file)
    with arms.both_arms(restarts.info, WRITE_ONLY):
        pass
    assert restarts.seen == [served]
    assert read_env_file(restarts.info.env_file) == served


def test_a_stack_that_is_gone_is_told_with_what_is_missing(restarts: Restarts) -> None:
    Path(restarts.info.env_file).unlink()
    with pytest.raises(StackUnfit, match="env file"), arms.both_arms(restarts.info, WRITE_ONLY):
        raise AssertionError("the run must not begin")
