"""What ``import guard`` brings with it. How long it takes: ``benchmarks/import_guard.py``."""

import json
import subprocess
import sys

import pytest

NEVER = {"django", "celery", "kombu", "locust", "gevent", "scipy", "numpy", "pytest", "starlette", "uvicorn"}
LATER = {"zep_cloud", "pydantic", "httpx", "httpcore", "redis", "prometheus_client", "structlog"}
"""What the guard uses, but loads with its first use."""
OURS = {"fakezep", "chaos", "chatapp", "zepguard"}

LINES = [
    "import guard",
    "from guard import MemoryService",
    "from guard import AsyncMemoryService",
    "import guard; guard.MemoryService.from_env({}).mode()",
]


def loaded_by(line: str) -> set[str]:
    """Top-level modules that a new interpreter has after this line."""
    script = f"{line}\nimport json, sys\nprint(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(told.stdout))


@pytest.mark.parametrize("line", LINES)
def test_the_guard_brings_no_framework_and_nothing_of_the_harness(line: str) -> None:
    loaded = loaded_by(line)
    assert "guard" in loaded
    assert not loaded & (NEVER | OURS)


@pytest.mark.parametrize("line", LINES)
def test_the_guard_loads_its_own_dependencies_when_it_needs_them(line: str) -> None:
    assert not loaded_by(line) & LATER


def test_the_way_to_zep_brings_no_framework_either() -> None:
    assert not loaded_by("import guard.zep.sdk, guard.store.shared, guard.metrics.exposition") & (NEVER | OURS)


def test_with_the_heartbeat_started_no_turn_loads_what_logs_and_counts() -> None:
    """The first outage of the store would cost its turn some 200 ms more."""
    line = "import guard; service = guard.MemoryService.from_env({}); service.start_heartbeat(); service.close()"
    assert {"structlog", "prometheus_client", "zep_cloud"} <= loaded_by(line)
    line = line.replace("MemoryService", "AsyncMemoryService").replace("service.close()", "service._heartbeat.stop()")
    assert {"structlog", "prometheus_client", "zep_cloud"} <= loaded_by(line)
