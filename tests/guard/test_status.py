"""The status text: the checklist's three lines to the letter, then failures and workers."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from guard.core.modes import Mode, Reason
from guard.core.record import EMPTY
from guard.core.status import Status
from guard.core.worker import Worker, fleet_base

NOW = 5000.0
HELD = replace(EMPTY, generation=4, reason=Reason.AUTH, since=NOW, until=NOW + 300)


def worker(name: str, base: Mode, *, reads: bool = True) -> Worker:
    return Worker(name=f"{name}@host:1", program=name, pid=1, base=base, reads=reads)


def test_nothing_forced() -> None:
    status = Status(shell_base=Mode.READ_WRITE, record=EMPTY, now=NOW)
    assert status.lines() == [
        "Base mode (from flags): read_write",
        "Forced mode: None",
        "Effective mode: read_write",
        "Failures: 0/3",
        "Workers: none alive",
    ]


def test_a_dark_launch() -> None:
    """The checklist's day 0: write_only by the flags, nothing forced."""
    lines = Status(shell_base=Mode.WRITE_ONLY, record=EMPTY, now=NOW).lines()
    assert lines[:3] == [
        "Base mode (from flags): write_only",
        "Forced mode: None",
        "Effective mode: write_only",
    ]


@pytest.mark.parametrize(
    ("later", "remaining"), [(0.0, 300), (0.4, 300), (1.0, 299), (299.9, 1), (300.0, 0), (9000.0, 0)]
)
def test_a_hold_and_what_is_left_of_it(later: float, remaining: int) -> None:
    """An ended hold stays in force with nothing remaining until a message probes."""
    lines = Status(shell_base=Mode.READ_WRITE, record=HELD, now=NOW + later).lines()
    assert lines[:3] == [
        "Base mode (from flags): read_write",
        f"Forced mode: write_only (reason=auth, remaining=~{remaining}s)",
        "Effective mode: write_only",
    ]


@pytest.mark.parametrize("reason", list(Reason))
def test_each_reason_is_named(reason: Reason) -> None:
    lines = Status(shell_base=Mode.READ_WRITE, record=replace(HELD, reason=reason), now=NOW).lines()
    assert lines[1] == f"Forced mode: write_only (reason={reason.value}, remaining=~300s)"


def test_a_forced_mode_never_raises_a_lower_base() -> None:
    assert Status(shell_base=Mode.OFF, record=HELD, now=NOW).lines()[2] == "Effective mode: off"


def test_failures_stand_against_their_threshold() -> None:
    record = replace(EMPTY, failures=2)
    lines = Status(shell_base=Mode.READ_WRITE, record=record, now=NOW, failure_threshold=5).lines()
    assert lines[3] == "Failures: 2/5"


def test_workers_are_listed_with_their_own_base_and_warned_about() -> None:
    workers = [worker("celery_chat_worker", Mode.READ_WRITE), worker("celery_deliveries", Mode.WRITE_ONLY, reads=False)]
    status = Status(shell_base=Mode.WRITE_ONLY, record=EMPTY, now=NOW, workers=workers)
    lines = status.lines()
    assert lines[0] == "Base mode (from flags): read_write"
    assert lines[4:7] == [
        "Workers:",
        "  celery_chat_worker@host:1: read_write",
        "  celery_deliveries@host:1: write_only",
    ]
    assert lines[7].startswith(
        "Warning: celery_chat_worker@host:1 runs with base mode read_write, this shell's flags say write_only: "
    )
    assert "`supervisorctl restart celery_chat_worker`" in lines[7]
    assert len(lines) == 8


def test_the_fleets_base_is_the_lowest_that_reads() -> None:
    """Those that only deliver say nothing about reads; without anybody alive, the shell's flags count."""
    readers = [worker("a", Mode.READ_WRITE), worker("b", Mode.WRITE_ONLY)]
    assert fleet_base(readers, Mode.OFF) is Mode.WRITE_ONLY
    assert fleet_base([*readers[:1], worker("c", Mode.OFF, reads=False)], Mode.OFF) is Mode.READ_WRITE
    assert fleet_base([], Mode.READ_WRITE) is Mode.READ_WRITE


def test_as_json_it_says_the_same() -> None:
    status = Status(shell_base=Mode.READ_WRITE, record=HELD, now=NOW + 10, workers=[worker("w", Mode.READ_WRITE)])
    state = json.loads(json.dumps(status.as_json()))
    assert state["base"] == state["shell_base"] == "read_write"
    assert state["effective"] == "write_only"
    assert state["forced"]["mode"] == "write_only"
    assert (state["forced"]["reason"], state["forced"]["remaining_s"]) == ("auth", 290.0)
    assert (state["failures"], state["failure_threshold"], state["generation"]) == (0, 3, 4)
    assert [w["name"] for w in state["workers"]] == ["w@host:1"]
    assert state["warnings"] == []
    assert Status(shell_base=Mode.OFF, record=EMPTY, now=NOW).as_json()["forced"] is None
