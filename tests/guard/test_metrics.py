"""Metrics: all there from the start, exact over processes and their deaths, in a folder that stays small."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.parser import text_string_to_metric_families

from guard import MemoryService, read_settings
from guard.core.events import Force, Report, Ticket
from guard.core.modes import AUTOMATIC_REASONS, Reason
from guard.core.table import Operation, Outcome, Phase
from guard.errors import StoreUnavailable
from guard.metrics import folder as multiprocess
from guard.metrics.exposition import render

LABELLED = {
    "memory_mode_gauge": ("mode", {"off", "write_only", "read_write"}),
    "memory_zep_downgrades_total": ("reason", set(AUTOMATIC_REASONS)),
    "memory_mode_forced_total": ("reason", set(Reason)),
    "memory_zep_probes_total": ("result", {"succeeded", "failed", "rate_limited"}),
    "circuit_open_total": ("component", {"zep"}),
}
PLAIN = {
    "memory_zep_restores_total",
    "memory_zep_context_failures_total",
    "memory_zep_write_failures_total",
    "memory_zep_write_requests_total",
    "memory_zep_read_requests_total",
    "memory_zep_context_cache_hits_total",
    "memory_zep_read_latency_seconds_count",
    "memory_zep_read_latency_seconds_sum",
}


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def counts(tmp_path: Path) -> Path:
    (tmp_path / "counts").mkdir()
    return tmp_path / "counts"


@pytest.mark.parametrize("shared", [False, True], ids=["one process", "multiprocess"])
def test_every_series_is_there_at_0_from_the_start(
    start_child: Callable[..., Any], environ: dict[str, str], counts: Path, shared: bool
) -> None:
    """In the first scrape of a fresh process, so that no increase from nothing is missed."""
    if shared:
        environ["PROMETHEUS_MULTIPROC_DIR"] = str(counts)
    text = start_child("count.py", environ, "render", "").line().replace("\x1f", "\n")
    found = samples(text)
    for name, (label, values) in LABELLED.items():
        there = {dict(labels)[label]: value for (sample, labels), value in found.items() if sample == name}
        assert set(there) == values, name
        expected = (
            {value: float(value == "read_write") for value in values} if "gauge" in name else dict.fromkeys(values, 0)
        )
        assert there == expected
    for name in PLAIN:
        assert found[name, ()] == 0, name
    assert [value for (name, _), value in found.items() if name == "circuit_open_seconds_total"] == [0]
    edges = {dict(labels)["le"] for (name, labels) in found if name == "memory_zep_read_latency_seconds_bucket"}
    assert {"0.25", "0.3", "+Inf"} <= edges


def test_series_that_are_divided_carry_the_same_labels(environ: dict[str, str]) -> None:
    service = MemoryService.from_env(environ)
    found = samples(render(service)[0].decode())
    service.close()
    for part, whole in (
        ("memory_zep_write_failures_total", "memory_zep_write_requests_total"),
        ("memory_zep_context_failures_total", "memory_zep_read_requests_total"),
        ("memory_zep_context_cache_hits_total", "memory_zep_read_requests_total"),
    ):
        assert {labels for name, labels in found if name == part} == {labels for name, labels in found if name == whole}


def test_the_gauge_and_the_counts_are_the_records(environ: dict[str, str], valkey: redis.Redis) -> None:
    """An operator's command and an automatic downgrade show at once, in their own series, also after a restart."""
    service = MemoryService.from_env(environ)
    service.store().apply(Force(reason=Reason.ROLLBACK, ttl_s=60))
    found = samples(render(service)[0].decode())
    service.close()
    assert found["memory_mode_gauge", (("mode", "write_only"),)] == 1
    assert found["memory_mode_gauge", (("mode", "read_write"),)] == 0
    assert found["memory_mode_forced_total", (("reason", "rollback"),)] == 1
    assert sum(value for (name, _), value in found.items() if name == "memory_zep_downgrades_total") == 0
    other = MemoryService.from_env(environ)
    record = other.store().snapshot().record
    ticket = Ticket(operation=Operation.WRITE, phase=Phase.READ_WRITE, generation=record.generation, era=0)
    for _ in range(3):
        other.store().apply(Report(ticket=ticket, outcome=Outcome.TIMEOUT))
    found = samples(render(other)[0].decode())
    other.close()
    assert found["memory_mode_forced_total", (("reason", "rollback"),)] == 1
    assert found["circuit_open_total", (("component", "zep"),)] == 1


def test_a_store_that_is_away_fails_no_scrape() -> None:
    """What the process itself counts is served; the record's series are absent rather than wrong."""

    def away() -> Any:
        raise StoreUnavailable("away")

    service = MemoryService(read_settings({}), store=away)
    found = samples(render(service)[0].decode())
    assert found["memory_guard_store_up", ()] == 0
    assert ("memory_zep_read_requests_total", ()) in found
    assert not any(name == "memory_mode_gauge" for name, _ in found)


# -- the multiprocess folder -----------------------------------------------------------------------------------------

NAME = "memory_zep_read_requests"


@pytest.fixture
def dead_pids() -> Iterator[int]:
    """Pids that no process has."""
    highest = int(Path("/proc/sys/kernel/pid_max").read_text()) if Path("/proc").exists() else 4_000_000
    return iter(range(highest + 1, highest + 1_000_000))


def leave_behind(folder: Path, pid: int, count: float = 1.0) -> None:
    """What a process that counted leaves in the folder."""
    for kind, sample in (("counter", f"{NAME}_total"), ("histogram", f"{NAME}_sum")):
        values = MmapedDict(str(folder / f"{kind}_{pid}.db"))
        values.write_value(mmap_key(NAME, sample, [], [], "help"), count, 0.0)
        values.close()


def total(folder: Path) -> tuple[float, float]:
    """The sums that a scrape would serve, of counters and of histograms."""
    sums = {"counter": 0.0, "histogram": 0.0}
    with multiprocess.locked(folder, exclusive=False):
        for path in multiprocess.live_files(folder):
            kind = Path(path).name.split("_")[0]
            sums[kind] += sum(value for _, value, *_ in MmapedDict.read_all_values_from_file(path))
    return sums["counter"], sums["histogram"]


def test_a_thousand_restarts_leave_few_files_and_the_exact_sum(counts: Path, dead_pids: Iterator[int]) -> None:
    for number in range(1, 1001):
        leave_behind(counts, next(dead_pids), number)
        multiprocess.compact(counts)
        if number % 100 == 0:
            assert total(counts) == (number * (number + 1) / 2,) * 2
            assert len(list(counts.iterdir())) <= 4
    assert sum(path.stat().st_size for path in counts.iterdir()) < 1_000_000


def test_many_dead_at_once_are_one_merge(counts: Path, dead_pids: Iterator[int]) -> None:
    for _ in range(50):
        leave_behind(counts, next(dead_pids))
    assert multiprocess.compact(counts) == 100
    assert multiprocess.compact(counts) == 0
    assert total(counts) == (50, 50)


def test_the_files_of_the_living_are_left_alone(counts: Path, dead_pids: Iterator[int]) -> None:
    leave_behind(counts, os.getpid(), 5)
    leave_behind(counts, next(dead_pids), 7)
    multiprocess.compact(counts)
    assert (counts / f"counter_{os.getpid()}.db").exists()
    assert total(counts) == (12, 12)


def test_a_folder_that_is_not_there_yet_is_made(tmp_path: Path) -> None:
    assert multiprocess.compact(tmp_path / "new") == 0


def test_a_process_killed_before_its_first_count_leaves_an_empty_file(counts: Path, dead_pids: Iterator[int]) -> None:
    """Neither a merge nor a scrape stumbles over it."""
    leave_behind(counts, next(dead_pids), 3)
    (counts / f"counter_{next(dead_pids)}.db").touch()
    (counts / f"histogram_{os.getpid()}.db").touch()
    assert total(counts) == (3, 3)
    multiprocess.compact(counts)
    assert total(counts) == (3, 3)


class Killed(BaseException):
    """Stands for SIGKILL at one step."""


STEPS = ["rename", "write_text", "unlink", "_open", "_write_sums"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("nth", range(1, 5))
def test_a_kill_at_any_step_of_a_merge_neither_loses_nor_doubles(
    counts: Path, dead_pids: Iterator[int], step: str, after: bool, nth: int
) -> None:
    """Whoever comes next finds the same sums, before and after merging anew."""
    for count in (1, 2):
        leave_behind(counts, next(dead_pids), count)
    multiprocess.compact(counts)
    for count in (4, 8):
        leave_behind(counts, next(dead_pids), count)
    left = nth
    owner = Path if hasattr(Path, step) else multiprocess
    real = getattr(owner, step)

    def killing(*arguments: Any, **options: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0 and not after:
            raise Killed
        done = real(*arguments, **options)
        if left == 0:
            raise Killed
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, step, killing)
        try:
            multiprocess.compact(counts)
        except Killed:
            assert total_unpatched(real, owner, step, counts) == (15, 15)
    assert total(counts) == (15, 15)
    leave_behind(counts, next(dead_pids), 16)
    multiprocess.compact(counts)
    assert total(counts) == (31, 31)
    assert len(list(counts.glob("*.db"))) == 2


def total_unpatched(real: Any, owner: Any, step: str, folder: Path) -> tuple[float, float]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, step, real)
        return total(folder)


def test_merges_killed_at_random_moments_keep_the_sum(
    counts: Path, dead_pids: Iterator[int], start_child: Callable[..., Any]
) -> None:
    """Real SIGKILL, while the dead pile up and scrapes go on beside the merges."""
    expected = 0
    for number in range(4):
        child = start_child("count.py", {"PROMETHEUS_MULTIPROC_DIR": str(counts)}, "compact", "")
        assert child.line() == "ready"
        for _ in range(10 + 3 * number):
            pid = next(dead_pids)
            with multiprocess.locked(counts, exclusive=False):  # as if it had died between two merges
                leave_behind(counts, pid)
            expected += 1
            assert total(counts) == (expected, expected)
        child.kill()
        assert total(counts) == (expected, expected)
    multiprocess.compact(counts)
    assert total(counts) == (expected, expected)


def test_counts_of_real_processes_survive_their_deaths(
    counts: Path, environ: dict[str, str], start_child: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    environ["PROMETHEUS_MULTIPROC_DIR"] = str(counts)
    service = MemoryService.from_env(environ)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(counts))
    for number in range(1, 4):
        child = start_child("count.py", environ, "count", "7")
        assert child.line() == "counted"
        found = samples(render(service)[0].decode())
        assert found["memory_zep_read_requests_total", ()] == 7 * number
        assert found["memory_zep_read_latency_seconds_count", ()] == 7 * number
        assert found["memory_zep_read_latency_seconds_bucket", (("le", "0.25"),)] == 7 * number
        child.kill()
        multiprocess.compact(counts)
        assert samples(render(service)[0].decode())["memory_zep_read_requests_total", ()] == 7 * number
    service.close()


def test_a_scrape_during_merges_never_sees_a_part(counts: Path, dead_pids: Iterator[int]) -> None:
    for _ in range(20):
        leave_behind(counts, next(dead_pids))
    stop, seen = threading.Event(), set()

    def scrape() -> None:
        while not stop.wait(0.001):
            seen.add(total(counts))

    scrapers = [threading.Thread(target=scrape) for _ in range(3)]
    for scraper in scrapers:
        scraper.start()
    for _ in range(50):
        with multiprocess.locked(counts, exclusive=True):
            pid = next(dead_pids)
            for kind in ("counter", "histogram"):  # a dead process without counts: there is always something to merge
                MmapedDict(str(counts / f"{kind}_{pid}.db")).close()
        multiprocess.compact(counts)
    stop.set()
    for scraper in scrapers:
        scraper.join()
    assert seen == {(20, 20)}


def test_the_manifest_names_what_counts(counts: Path, dead_pids: Iterator[int]) -> None:
    leave_behind(counts, next(dead_pids))
    multiprocess.compact(counts)
    manifest = json.loads((counts / "manifest.json").read_text())
    assert {counts / name for name in manifest["archives"]} == set(counts.glob("*.db"))
