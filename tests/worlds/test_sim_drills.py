"""All feature files in virtual time: they pass, they are quick, and they see a guard that is wrong."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REAL_S_MAX = 120.0

MUTANT = """
import importlib.util, sys
import guard.zep
spec = importlib.util.find_spec("guard.zep.classify")
source = spec.loader.get_source(spec.name)
assert "in (401, 403)" in source
module = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = module
exec(compile(source.replace("in (401, 403)", "== 401"), spec.origin, "exec"), module.__dict__)
from zepguard.cli import main
sys.argv[0] = "zepguard"
sys.exit(main())
"""


UNSEEN = """
import sys
from chaos.fault import Receipt
from zepguard.worlds.sim import wire
wire._OnWire.seen = lambda self: Receipt(fault="black-hole", seen=False, how="nothing was hit")
from zepguard.cli import main
sys.argv[0] = "zepguard"
sys.exit(main())
"""


KEY_UNSEEN = """
import sys
from zepguard.worlds.sim import SimWorld
SimWorld.key_refused = lambda self: ""
from zepguard.cli import main
sys.argv[0] = "zepguard"
sys.exit(main())
"""


def drill(
    folder: Path, *arguments: str, before: tuple[str, ...] = ("-m", "zepguard"), **places: Any
) -> tuple[int, dict[str, object]]:
    """Run ``zepguard drill --world sim --quick`` in a process of its own; its exit code and its results."""
    argv = [sys.executable, *before, "drill", "--world", "sim", "--quick", "--report", str(folder), *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=900, **places)
    assert (folder / "results.json").exists(), done.stdout + done.stderr
    return done.returncode, json.loads((folder / "results.json").read_text())


def _children_s() -> float:
    """Processor seconds of all children so far; real ones would tell how busy the machine is."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.nightly  # by day .ci/run has a stage for it
def test_the_whole_feature_set_passes_quickly_with_the_checklists_own_durations(tmp_path: Path) -> None:
    before = _children_s()
    code, results = drill(tmp_path)
    assert (code, results["verdict"]) == (0, "passed")
    assert (results["world"], results["time_scale"]) == ("sim", 1)
    assert _children_s() - before < REAL_S_MAX  # it is alone on its core for all of it


def test_with_403_taken_out_of_the_guards_auth_set_drill_4_goes_red(tmp_path: Path) -> None:
    code, results = drill(tmp_path, "4", before=("-c", MUTANT))
    assert (code, results["verdict"]) == (1, "failed")


@pytest.mark.parametrize("item", ["drill5-logs", "drill5-restore"])
def test_a_scenario_whose_fault_was_not_seen_is_void_and_the_run_inconclusive(tmp_path: Path, item: str) -> None:
    """Whether the fault is left to the clean-up (drill5-logs) or taken off by a step; all steps of the first held."""
    code, results = drill(tmp_path, item, before=("-c", UNSEEN))
    assert (code, results["verdict"]) == (3, "void")
    scenarios = [scenario for one in results["drills"] for scenario in one["scenarios"]]
    assert scenarios[0]["status"] == "void"
    assert "the fault black-hole was never seen to act (nothing was hit)" in scenarios[0]["problem"]


def test_a_bad_key_that_nobody_was_seen_to_refuse_makes_the_scenario_void(tmp_path: Path) -> None:
    code, results = drill(tmp_path, "drill4-gauge", before=("-c", KEY_UNSEEN))
    assert (code, results["verdict"]) == (3, "void")


def test_the_callers_variables_and_folder_do_not_matter(tmp_path: Path) -> None:
    foreign = {
        "FLAG_ZEP_READ": "perhaps",
        "ZEP_API_URL": "http://zep.example",
        "DATABASE_URL": "postgres://db.example/chat",
        "CELERY_BROKER_URL": "no broker",
        "CHATAPP_TURN_RESEND_S": "soon",
        "DJANGO_SETTINGS_MODULE": "somebody.elses",
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "nowhere"),
        "HTTP_PROXY": "http://127.0.0.1:9",
    }
    code, results = drill(tmp_path, "ops", env={**os.environ, **foreign}, cwd=tmp_path)
    assert (code, results["verdict"]) == (0, "passed")


def test_a_running_stack_has_no_place_in_the_sim(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "zepguard", "drill", "--world", "sim", "--stack", str(tmp_path / "stack.json")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
