"""``zepguard load`` and ``locust -f loadtests/locustfile.py`` on real processes; and what they refuse."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from chaos.fakezep_admin import FakeZepAdmin
from zepguard.cli import run
from zepguard.evidence import Status, Verdict, read
from zepguard.evidence.filled_in import fill_in, markdown
from zepguard.evidence.schema import SCHEMA
from zepguard.exit_codes import ExitCode
from zepguard.load.samples import End, RunHead, Sample, ScrapeSample, TurnSample, line_of, read_run
from zepguard.load.schedule import TURNS_IN_CHAT, Arm, arm_of
from zepguard.load.stages import loadtests_folder
from zepguard.parts.prometheus import PROMETHEUS, PROMTOOL, find_tool
from zepguard.stack.env_file import read_env_file
from zepguard.stack.info import StackInfo
from zepguard.stack.processes import ProcessIdentity, identify

LOAD = [sys.executable, "-m", "zepguard", "load"]
SHORT = ["--rate", "16", "--duration", "30"]
TRIES = 3
"""A machine with other work on it may be too slow for a verdict; that is said by 3, and asked again."""


WITH_PROMETHEUS = pytest.mark.skipif(
    any(find_tool(tool) is None for tool in (PROMETHEUS, PROMTOOL)), reason=f"no Prometheus here: {PROMETHEUS.remedy}"
)


# --- without a stack ---


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["cannary"], "no stage is called 'cannary'"),
        (["canary", "--users", "3"], "3 users cannot be dealt out to two arms"),
        (["canary", "--rate", "0"], "rate_per_s is 0"),
        (["canary", "--duration", "0"], "duration_s is 0"),
        (["canary", "--judge", "gone.jsonl"], "gone.jsonl cannot be read"),
        (["canary", "--stack", "gone.json"], "gone.json cannot be read"),
    ],
)
def test_what_cannot_be_is_a_usage_error(
    arguments: list[str], why: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["load", *arguments]) == ExitCode.USAGE
    assert why in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def made_up(file: Path, stage_ms: float, *, turns: int = 100, whole: bool = True, open_s: float = 0.0) -> Path:
    """The samples of a run of stage rollback, but for its reads."""
    head = RunHead(
        stage="rollback",
        mode="read_write",
        users=2,
        rate_per_s=1,
        duration_s=60,
        warm_up_s=0,
        share=0.5,
        turns_in_chat=TURNS_IN_CHAT,
        seed=1,
        began_at=0,
    )
    edges = ("0.025", "0.3", "0.5", "+Inf")
    after: dict[str, float] = {f'memory_zep_read_latency_seconds_bucket{{le="{edge}"}}': 100.0 for edge in edges}
    after |= {"memory_zep_read_requests_total": 100.0, "memory_zep_context_failures_total": 0.0}
    after['circuit_open_seconds_total{component="zep"}'] = open_s
    samples: list[Sample] = [
        head,
        ScrapeSample(at_s=0, series={}),
        *(
            TurnSample(
                user=0,
                thread_id="t",
                number=0,
                arm=arm,
                due_s=1,
                free_s=0,
                sent_s=1,
                first_token_s=1 + (stage_ms if arm is Arm.STAGE else 20) / 1000,
                done_s=2,
                status=200,
                error="",
                mode="off" if arm is Arm.OFF else "read_write",
                memory="",
            )
            for arm in Arm
            for _ in range(turns)
        ),
        ScrapeSample(at_s=60, series=after),
        *([End(at_s=60, due=2 * turns, interrupted=False)] if whole else []),
    ]
    file.write_text("".join(line_of(one) + "\n" for one in samples), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"stage_ms": 30}, ExitCode.GO),
        ({"stage_ms": 430}, ExitCode.NO_GO),
        ({"stage_ms": 430, "turns": 59}, ExitCode.INCONCLUSIVE),
        ({"stage_ms": 30, "whole": False}, ExitCode.INCONCLUSIVE),
        ({"stage_ms": 30, "open_s": 2.4}, ExitCode.GO),
        ({"stage_ms": 30, "open_s": 4.0}, ExitCode.NO_GO),  # of 60 s, over 5 %
    ],
)
@WITH_PROMETHEUS
def test_samples_of_an_earlier_run_are_judged_again(
    fields: dict[str, float], code: ExitCode, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = made_up(tmp_path / "samples.jsonl", **fields)  # type: ignore[arg-type]
    assert run(["load", "rollback", "--judge", str(file), "--report", str(tmp_path / "report")]) == code
    judgement = json.loads((tmp_path / "report" / "judgement.json").read_text(encoding="utf-8"))
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == f"{judgement['verdict'].upper()}: rollback; report in {tmp_path}/report/index.html"
    assert {one["item"] for one in judgement["findings"]} == {
        "rollback-ttfb",
        "rollback-errors",
        "rollback-breaker",
        "downgrade-latency",
        "downgrade-failures",
    }


@WITH_PROMETHEUS
@pytest.mark.parametrize(
    ("stage_ms", "status", "verdict"), [(30, "passed", Verdict.GO), (430, "failed", Verdict.NO_GO)]
)
def test_the_evidence_has_each_limit_with_its_figure_and_is_by_the_schema(
    stage_ms: float, status: str, verdict: Verdict, tmp_path: Path
) -> None:
    file = made_up(tmp_path / "samples.jsonl", stage_ms)
    run(["load", "rollback", "--judge", str(file), "--report", str(tmp_path / "load")])
    told = json.loads((tmp_path / "load" / "evidence.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(told)
    record = read(tmp_path / "load")
    (found,) = record.findings
    assert (found.stage, found.verdict, found.by) == ("rollback", verdict, "zepguard load")
    ttfb = f"{stage_ms - 20:+g} ms: p95 {stage_ms} ms with memory, 20 ms without (n 100 and 100)"
    assert any(ttfb in why for why in found.why)
    seen = {one.item: one for one in record.budgets}
    assert len(seen) == 5
    assert (seen["rollback-ttfb"].verdict, seen["rollback-ttfb"].seen) == (verdict, ttfb)
    assert "circuit_open_seconds_total" in seen["rollback-breaker"].asked
    # Of what must hold on a stack; the others ask for hours, and a minute passes none of them.
    assert {one.item: one.status for one in record.results} == {"rollback-ttfb": status}
    first, reads = record.tables
    assert first.rows[0][:3] == ("with memory", "100", "0")
    assert first.rows[0][3] == str(stage_ms)
    assert reads.rows == (("25", "100", "100.0%"),)
    assert [len([mark for mark in one.marks if mark.value]) for one in record.timelines] == [100, 100]
    assert {one.title for one in record.panels} == {"Time to first token, p95", "Read latency, mean"}


@WITH_PROMETHEUS
def test_the_filled_in_checklist_shows_the_figures_and_passes_nothing_by_a_minute_of_load(tmp_path: Path) -> None:
    file = made_up(tmp_path / "samples.jsonl", 30)
    run(["load", "rollback", "--judge", str(file), "--report", str(tmp_path / "load")])
    filled = fill_in(tmp_path)
    text = markdown(filled, reports=tmp_path)
    assert "stack: ttfb\\_p95\\_delta\\_ms at most 200: +10 ms: p95 30 ms with memory, 20 ms without" in text
    assert "zepguard load: go: rollback-ttfb: " in text
    assert "[x]" not in text
    assert {one.status for one in filled.items} == {Status.NOT_RUN, Status.NOT_BUILT}


def test_a_doubt_leaves_every_item_void(tmp_path: Path) -> None:
    file = made_up(tmp_path / "samples.jsonl", 30, whole=False)
    run(["load", "canary", "--judge", str(file), "--report", str(tmp_path / "load")])
    record = read(tmp_path / "load")
    assert record.run.interrupted
    assert record.findings[0].verdict is Verdict.INCONCLUSIVE
    assert record.results
    assert {one.status for one in record.results} == {"void"}
    assert all(any("doubt: " in text for text in one.seen) for one in record.results)


# --- on a stack ---


@pytest.fixture(scope="module")
def stack() -> Iterator[StackInfo]:
    # Real time: at another scale a trend of 15 min is one of 15 s, and 400 ms downgrade.
    up = [sys.executable, "-m", "zepguard", "up", "--json", "--time-scale", "1"]
    with subprocess.Popen(up, stdout=subprocess.PIPE, text=True, start_new_session=True) as started:
        try:
            assert started.stdout is not None
            yield StackInfo.from_json(started.stdout.readline())
        finally:
            started.send_signal(signal.SIGTERM)
            started.wait(30)


def gated(stack: StackInfo, report: Path, *arguments: str) -> tuple[int, str]:
    """``zepguard load canary`` on the stack, again while it finds no verdict."""
    command = [*LOAD, "canary", *SHORT, "--report", str(report), *arguments]
    environment = {**os.environ, "ZEPGUARD_STACK": str(Path(stack.run_dir) / "stack.json")}
    for _ in range(TRIES):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240, env=environment)
        if done.returncode != ExitCode.INCONCLUSIVE:
            break
    else:
        if "schedule" in done.stdout:  # of a doubt: the load was not what was asked for
            pytest.skip(f"the machine is too busy for a verdict: {done.stdout}")
    return done.returncode, done.stdout + done.stderr


@pytest.mark.stack
def test_a_healthy_stack_is_a_go_and_is_left_as_it_was(stack: StackInfo, tmp_path: Path) -> None:
    before = read_env_file(stack.env_file)
    code, said = gated(stack, tmp_path)
    assert code == ExitCode.GO, said
    assert read_env_file(stack.env_file) == before

    made = read_run(tmp_path / "samples.jsonl")
    assert made.end is not None
    assert len(made.turns) == made.end.due == 480
    assert all(turn.arm is arm_of(turn.thread_id, made.head.share) for turn in made.turns)
    assert {(turn.arm, turn.mode) for turn in made.turns} == {(Arm.OFF, "off"), (Arm.STAGE, "read_write")}
    assert "30 s: " in said  # progress


@pytest.mark.stack
def test_a_zep_of_400_ms_is_a_no_go(stack: StackInfo, tmp_path: Path) -> None:
    with FakeZepAdmin(stack.fakezep_admin_url, stack.fakezep_admin_key) as admin:
        admin.put_latency(0.4)
        try:
            code, said = gated(stack, tmp_path)
        finally:
            admin.clear_latency()
    assert code == ExitCode.NO_GO, said
    found = json.loads((tmp_path / "judgement.json").read_text(encoding="utf-8"))["findings"]
    broken = {one["item"] for one in found if one["verdict"] == "no go"}
    assert broken == {"canary-read-p95", "canary-ttfb"}, said


@pytest.mark.stack
def test_locust_by_itself_is_the_same_gate_and_too_short_a_run_finds_nothing(stack: StackInfo, tmp_path: Path) -> None:
    locustfile = loadtests_folder() / "locustfile.py"
    stack_file = str(Path(stack.run_dir) / "stack.json")
    command = [sys.executable, "-m", "locust", "-f", str(locustfile), "--stage", "staging-write-only", "-t", "7s"]
    done = subprocess.run(
        [*command, "--stack", stack_file], capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path
    )
    assert done.returncode == ExitCode.INCONCLUSIVE, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("INCONCLUSIVE: staging-write-only; report in reports/load/")
    made = read_run(tmp_path / "reports" / "load" / "staging-write-only" / "samples.jsonl")
    assert {turn.mode for turn in made.turns if turn.arm is Arm.STAGE} == {"write_only"}


@pytest.mark.stack
def test_ctrl_c_leaves_no_process_behind_and_is_no_verdict(tmp_path: Path) -> None:
    command = [*LOAD, "canary", "--report", str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if name != "ZEPGUARD_STACK"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, env=environment
    ) as load:
        try:
            assert load.stderr is not None
            assert any(" of 60 s: " in line for line in load.stderr), "it ended before the run began"
            ours = descendants(load.pid)
            assert len(ours) >= 9  # the stack's, its supervisor, and Locust
            load.send_signal(signal.SIGINT)
            said, complaint = load.communicate(timeout=60)
        finally:
            load.kill()
    assert (load.returncode, said) == (ExitCode.ABORTED, "")
    assert "Interrupted: no verdict" in complaint
    assert left(ours, within_s=5) == set()
    assert read_run(tmp_path / "samples.jsonl").end is None or read_run(tmp_path / "samples.jsonl").end.interrupted  # type: ignore[union-attr]
    assert not (tmp_path / "judgement.json").exists()


def descendants(pid: int) -> set[ProcessIdentity]:
    """All processes below one, as they are now."""
    shown = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True, timeout=60).stdout
    parents = {int(child): int(parent) for child, parent in map(str.split, shown.splitlines())}
    below = {pid}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    return {found for one in below - {pid} if (found := identify(one))}


def left(processes: set[ProcessIdentity], *, within_s: float) -> set[ProcessIdentity]:
    """Those that still live when none does, or the time is over."""
    ends_at = time.monotonic() + within_s
    while (alive := {one for one in processes if identify(one.pid) == one}) and time.monotonic() < ends_at:
        time.sleep(0.02)
    return alive
