"""``zepguard report`` and ``zepguard checklist``, as somebody types them."""

import errno
import json
import os
import resource
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from zepguard.cli import run
from zepguard.evidence import Evidence, ItemResult, Run, product, write

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """Two runs; the one on the stack is the newest."""
    for number, world in enumerate(["sim", "stack"]):
        finished = f"2026-01-0{number + 1}T00:00:00+00:00"
        result = ItemResult(item="ops-status", status="passed", where=world, by="by hand", seen=(f"seen in {world}",))
        ran = Run(command=f"zepguard drill --world {world}", world=world, time_scale=1, started="", finished=finished)
        write(tmp_path / world, Evidence(run=ran, product=product(), results=(result,)))
        os.utime(tmp_path / world / "evidence.json", (1000 + number, 1000 + number))
    return tmp_path


def test_the_newest_runs_page_is_made_again(reports: Path, capsys: Capture) -> None:
    (reports / "stack" / "index.html").unlink()
    assert run(["report", "--reports", str(reports)]) == 0
    assert str(reports / "stack" / "index.html") in (said := capsys.readouterr().out)
    assert "INCONCLUSIVE  operations: partly, not run in sim: ops-status; not run: " in said
    assert (reports / "stack" / "index.html").exists()


@pytest.mark.parametrize("named", ["sim", "{reports}/sim", "{reports}/sim/evidence.json"])
def test_a_run_is_named_by_its_folder_its_file_or_its_name(reports: Path, named: str, capsys: Capture) -> None:
    assert run(["report", named.format(reports=reports), "--reports", str(reports)]) == 0
    assert str(reports / "sim" / "index.html") in capsys.readouterr().out


def test_runs_are_listed_the_newest_first(reports: Path, capsys: Capture) -> None:
    assert run(["report", "--list", "--reports", str(reports)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [str(reports / "stack"), str(reports / "sim")]


def test_a_folder_that_cannot_be_read_keeps_no_other_from_the_list(reports: Path, capsys: Capture) -> None:
    (reports / "broken").mkdir()
    (reports / "broken" / "evidence.json").write_text('{"run": 3')
    assert run(["report", "--list", "--reports", str(reports)]) == 2
    said = capsys.readouterr()
    assert [line.split()[0] for line in said.out.splitlines()] == [str(reports / "stack"), str(reports / "sim")]
    assert f"{reports / 'broken' / 'evidence.json'} is no evidence of a run" in said.err


def test_the_page_is_opened_and_told_of_where_it_cannot_be(
    reports: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    opened: list[str] = []

    def launch(url: str) -> int:
        opened.append(url)
        return 0

    monkeypatch.setattr("click.launch", launch)
    assert run(["report", "--open", "--reports", str(reports)]) == 0
    assert opened == [str(reports / "stack" / "index.html")]
    monkeypatch.setattr("click.launch", lambda url: 1)
    assert run(["report", "--open", "--reports", str(reports)]) == 5
    assert str(reports / "stack" / "index.html") in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["report", "nowhere"], ["'nowhere'", "--list"]),
        (["report", "empty"], ["empty", "evidence.json", "zepguard drill"]),
        (["report", "broken"], ["broken/evidence.json", "remove it"]),
        (["checklist"], ["broken/evidence.json"]),
        (["checklist", "--json", "--markdown"], ["--json", "--markdown"]),
        (["checklist", "--published", "https://x.example"], ["--markdown"]),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    reports: Path, arguments: list[str], names: list[str], capsys: Capture
) -> None:
    (reports / "empty").mkdir()
    (reports / "broken").mkdir()
    (reports / "broken" / "evidence.json").write_text('{"drills": []}')
    assert run([*arguments, "--reports", str(reports)]) == 2
    said = capsys.readouterr().err
    for name in names:
        assert name in said


def test_no_run_at_all_is_told_with_the_remedy(tmp_path: Path, capsys: Capture) -> None:
    assert run(["report", "--reports", str(tmp_path / "none")]) == 2
    assert "zepguard drill" in capsys.readouterr().err
    assert run(["report", "--list", "--reports", str(tmp_path / "none")]) == 0


def test_the_checklist_has_each_items_last_results(reports: Path, capsys: Capture) -> None:
    assert run(["checklist", "--reports", str(reports)]) == 0
    text = capsys.readouterr().out
    assert "  passed    ops-status: zep_mode --status (sim: passed, stack: passed)" in text
    assert "  not built roles-hud: " in text
    assert run(["checklist", "--json", "--reports", str(reports)]) == 0
    told: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    (status,) = (one for one in told if one["id"] == "ops-status")
    assert (status["status"], status["results"]) == ("passed", {"sim": "passed", "stack": "passed"})
    assert status["seen"] == ["sim: seen in sim", "stack: seen in stack"]


def test_the_checklist_as_markdown_is_all_that_is_printed(reports: Path, capsys: Capture) -> None:
    assert run(["checklist", "--markdown", "--reports", str(reports)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("# Go-live checklist, filled in\n")
    assert "- [x] ✓ **ops-status**" in text


def small_files() -> None:
    """What is left of a full disk, for anybody to try: no file may grow over 20 kB."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


def test_where_the_report_does_not_fit_the_verdict_is_told_and_nothing_is_spoilt(tmp_path: Path) -> None:
    simulate = [sys.executable, "-m", "zepguard", "simulate", "--seeds", "1", "--report", str(tmp_path / "run")]
    with_room = subprocess.run(simulate, capture_output=True, text=True, check=False, timeout=300)
    assert with_room.returncode == 0, with_room.stderr
    before = {file.name: file.read_bytes() for file in (tmp_path / "run").iterdir()}
    assert max(map(len, before.values())) > 20_000
    full = subprocess.run(simulate, capture_output=True, text=True, check=False, timeout=300, preexec_fn=small_files)
    assert full.returncode == 5, full.stderr
    assert "passed: 1 seeds" in full.stdout
    assert f"cannot be written to {tmp_path / 'run'} (File too large): make room there" in full.stderr
    assert "Traceback" not in full.stderr
    assert {file.name: file.read_bytes() for file in (tmp_path / "run").iterdir()} == before


def test_a_full_disk_elsewhere_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/tmp/x")

    monkeypatch.setattr(import_module("zepguard.cli.doctor"), "survey", full)
    assert run(["doctor"]) == 5
    assert capsys.readouterr().err == (
        "Error: No space left on device at /tmp/x: make room, on the disk of the temporary files too.\n"
    )
