"""Many processes at once, against a real store and a real server: each thing happens exactly once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from guard import MemoryService, read_settings
from guard.core.events import AcquireProbe, Clear, Force
from guard.core.modes import Mode, Reason
from guard.metrics.exposition import render
from guard.shell import open_store
from guard.store.protocol import Store

PROCESSES = 8


@pytest.fixture
def start_fleet(start_child: Callable[..., Any], environ: dict[str, str], tmp_path: Path) -> Callable[[int], list[Any]]:
    """Start so many processes and wait until they are ready to read."""
    environ |= {"ZEPGUARD_LOG_FILE": str(tmp_path / "app.log"), "ZEP_TIMEOUT_MS": "5000"}

    def start(count: int) -> list[Any]:
        children = [start_child("read.py", environ) for _ in range(count)]
        assert [child.line() for child in children] == ["ready"] * count
        return children

    return start


@pytest.fixture
def fleet(start_fleet: Callable[[int], list[Any]]) -> list[Any]:
    return start_fleet(PROCESSES)


def wave(fleet: list[Any], threads: int = 1) -> list[list[str]]:
    """All processes read at once."""
    for child in fleet:
        child.tell(str(threads))
    return [result for child in fleet for result in child.json()]


def logged(tmp_path: Path, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (tmp_path / "app.log").read_text().splitlines()]
    return [line for line in lines if line["event"] == event]


def test_eight_processes_that_see_the_same_401_count_and_log_once(
    fleet: list[Any], environ: dict[str, str], fakezep: Any, tmp_path: Path
) -> None:
    """All eight calls reach Zep before any is answered, so all eight see the same 401."""
    store = open_store(read_settings(environ))
    for number in range(3):
        fakezep.call("POST", "/reset")
        fakezep.keys("another")
        fakezep.call("PUT", "/latency", {"seconds": 0.5, "route": "context"})
        results = wave(fleet)
        assert len(fakezep.journal("context")) == PROCESSES
        assert Counter(detail for _, detail, _ in results) == {"auth": PROCESSES}
        assert {mode for _, _, mode in results} == {"write_only"}
        assert store.snapshot().record.downgrades["auth"] == number + 1
        assert len(logged(tmp_path, "zep_auth_failure_auto_downgrade")) == number + 1
        assert len(logged(tmp_path, "memory_mode_forced")) == number + 1
        store.apply(Clear())
    store.close()  # type: ignore[attr-defined]


def test_when_a_hold_ends_exactly_one_of_fifty_threads_in_eight_processes_probes(
    fleet: list[Any], environ: dict[str, str], fakezep: Any, tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    """One real read; the other 399 messages are skipped at once, and from then on all read again."""
    store = open_store(read_settings(environ))
    store.apply(Force(reason=Reason.MANUAL, ttl_s=1))
    wait_for(lambda: not (seen := store.snapshot()).record.held(seen.now))
    fakezep.call("PUT", "/latency", {"seconds": 2.0, "route": "context"})
    results = wave(fleet, 50)
    assert len(fakezep.journal("context")) == 1
    assert Counter(status for status, _, _ in results) == {"skipped": 50 * PROCESSES - 1, "empty": 1}
    record = store.snapshot().record
    assert (record.restores, record.probes["succeeded"], record.reason) == (1, 1, None)
    assert len(logged(tmp_path, "memory_mode_restored")) == 1
    fakezep.call("DELETE", "/latency")
    assert Counter(status for status, _, _ in wave(fleet)) == {"empty": PROCESSES}
    store.close()  # type: ignore[attr-defined]


def test_three_failures_of_three_processes_are_three_in_a_row(
    start_fleet: Callable[[int], list[Any]], fakezep: Any, tmp_path: Path
) -> None:
    """The count is the fleet's; whoever fails third downgrades all."""
    fakezep.fault("status", status=503)
    details = [wave([child])[0][1] for child in start_fleet(4)]
    assert details == ["server_error"] * 3 + ["consecutive_failures"]
    assert len(fakezep.journal("context")) == 3
    assert [line["consecutive_failures"] for line in logged(tmp_path, "zep_context_failure")] == [1, 2, 3]


def test_a_prober_that_is_killed_blocks_nobody_beyond_its_lease(
    start_child: Callable[..., Any], environ: dict[str, str], fakezep: Any, wait_for: Callable[..., Any]
) -> None:
    environ["ZEP_TIMEOUT_MS"] = "500"  # so its lease is 2 s
    doomed, other = (start_child("read.py", environ) for _ in range(2))
    assert (doomed.line(), other.line()) == ("ready", "ready")
    store = open_store(read_settings(environ))
    store.apply(Force(reason=Reason.MANUAL, ttl_s=1))
    wait_for(lambda: not (seen := store.snapshot()).record.held(seen.now))
    fakezep.call("PUT", "/latency", {"seconds": 0.4, "route": "context"})
    doomed.tell("1")
    wait_for(lambda: fakezep.journal("context"))
    doomed.kill()
    assert wave([other]) == [["skipped", "probe_elsewhere", "write_only"]]
    fakezep.call("DELETE", "/latency")
    wait_for(lambda: wave([other])[0][0] == "empty", seconds=5)
    record = store.snapshot().record
    assert (record.reason, record.restores, record.probes["succeeded"]) == (None, 1, 1)
    stale = store.apply(AcquireProbe(generation=record.generation, token="late"))
    assert stale.record == record
    store.close()  # type: ignore[attr-defined]


def test_live_processes_are_listed_and_a_killed_one_is_not(
    start_fleet: Callable[[int], list[Any]], environ: dict[str, str], wait_for: Callable[..., Any]
) -> None:
    fleet = start_fleet(2)
    store = open_store(read_settings(environ))
    assert {worker.pid for worker in store.workers()} == {child.process.pid for child in fleet}
    fleet[0].kill()
    wait_for(lambda: [worker.pid for worker in store.workers()] == [fleet[1].process.pid])
    store.close()  # type: ignore[attr-defined]


def scraped(memory: MemoryService, series: str) -> float:
    lines = render(memory)[0].decode().splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(f"{series} "))


@pytest.mark.parametrize(
    ("flag", "base", "effective"),
    [("true", Mode.READ_WRITE, Mode.WRITE_ONLY), ("false", Mode.WRITE_ONLY, Mode.WRITE_ONLY)],
)
def test_a_scrape_tells_the_base_mode_and_not_only_what_a_hold_makes_of_it(
    environ: dict[str, str], flag: str, base: Mode, effective: Mode
) -> None:
    """Without it an alert could not tell a downgrade from a service that never reads."""
    memory = MemoryService.from_env(environ | {"FLAG_ZEP_READ": flag})
    store = memory.store()
    store.apply(Force(reason=Reason.AUTH, ttl_s=300, operator=False))
    for mode in Mode:
        assert scraped(memory, f'memory_mode_base_gauge{{mode="{mode}"}}') == (mode is base)
        assert scraped(memory, f'memory_mode_gauge{{mode="{mode}"}}') == (mode is effective)
    memory.close()


def test_a_scrape_tells_an_operators_hold_for_as_long_as_it_has_time_left(
    environ: dict[str, str], wait_for: Callable[..., Any]
) -> None:
    """What the guard itself holds is none, and an operator's that has ended waits for a probe like any other."""
    memory = MemoryService.from_env(environ)
    store: Store = memory.store()
    told = "memory_mode_operator_hold"
    assert scraped(memory, told) == 0
    store.apply(Force(reason=Reason.AUTH, ttl_s=300, operator=False))
    assert scraped(memory, told) == 0
    store.apply(Clear())
    store.apply(Force(reason=Reason.ROLLBACK, ttl_s=1, operator=True))
    assert scraped(memory, told) == 1
    wait_for(lambda: scraped(memory, told) == 0)
    assert store.snapshot().record.reason is Reason.ROLLBACK
    memory.close()
