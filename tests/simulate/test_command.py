"""``zepguard simulate`` as it is typed."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from guard.sight import Sight
from zepguard.cli import run
from zepguard.evidence import Lane, Verdict, read
from zepguard.exit_codes import ExitCode


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where reports go."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_passing_seeds_print_one_hash_and_the_same_one_again(capsys: pytest.CaptureFixture[str]) -> None:
    hashes = []
    for jobs in ("1", "2"):
        assert run(["simulate", "--seeds", "3", "--seed", "40", "--jobs", jobs]) == ExitCode.GO
        said = capsys.readouterr().out
        assert "seeds 40 to 42" in said
        hashes += re.findall(r"^hash ([0-9a-f]{64})$", said, re.MULTILINE)
    assert len(hashes) == 2
    assert len(set(hashes)) == 1
    record = read(Path("reports/simulate"))
    (found,) = record.findings
    assert (found.stage, found.verdict) == ("simulation", Verdict.GO)
    assert found.why == ("3 of 3 seeds passed, 40 to 42", f"hash {hashes[0]}")
    assert record.stages[-1].verdict is Verdict.GO
    assert [one.status for one in record.scenarios] == ["passed"]


@pytest.mark.parametrize("seed", [41, 987_654_321_987_654_321])
def test_one_seed_prints_its_history_on_request(capsys: pytest.CaptureFixture[str], seed: int) -> None:
    """A seed that nobody has tried may have any number of digits."""
    assert run(["simulate", "--seed", str(seed), "--history"]) == ExitCode.GO
    said = capsys.readouterr().out
    assert f"seeds {seed} to {seed}" in said
    assert re.search(r"^ +\d+\.\d{6} Accepted +\{", said, re.MULTILINE)


def test_a_failing_seed_prints_its_shrunk_history_and_how_to_replay_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = Sight.lost

    def hopeful(self: Sight) -> None:
        lost(self)
        self.mode = self._base

    monkeypatch.setattr(Sight, "lost", hopeful)
    assert run(["simulate", "--seeds", "60"]) == ExitCode.NO_GO
    said = capsys.readouterr().out
    [seed, what] = re.findall(r"^seed (\d+) failed: (.*)$", said, re.MULTILINE)[0]
    assert "without the store" in what
    assert f"zepguard simulate --seed {seed} --history" in said
    [before] = re.findall(r"^(\d+) things happen in it", said, re.MULTILINE)
    [after] = re.findall(r"^(\d+) are left", said, re.MULTILINE)
    assert int(after) < int(before)
    record = read(Path("reports/simulate"))
    assert record.findings[0].verdict is Verdict.NO_GO
    failed = record.scenarios[-1]
    assert (failed.name, failed.status) == (f"seed {seed}", "failed")
    assert "without the store" in failed.problem
    assert len(failed.steps) == int(after) + 1
    printed = re.findall(r"^ +\d+\.\d{6} (\w+) +\{", said, re.MULTILINE)
    assert [line.event for line in failed.log] == printed
    assert any(line.details for line in failed.log)
    assert failed.timeline is not None
    modes = [one.of for one in failed.timeline.marks if one.lane is Lane.MODE]
    assert modes[0] == ""
    assert all(before != after for before, after in pairwise(modes)), "a mark for each change, and no other"
    assert run(["simulate", "--seed", seed]) == ExitCode.NO_GO
    assert f"seed {seed} failed: {what}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--seeds", "0"], "0 is no number of them: write 1 or more"),
        (["--seeds", "-5"], "-5 is no number of them"),
        (["--seed", "-1"], "-1 is no seed: write 0 or more"),
        (["--jobs", "0"], "0 is no number of them"),
        (["--seeds", "many"], "not a valid integer"),
        (["--seeds", "10000001"], "write 10000000 or fewer"),
    ],
)
def test_what_cannot_be_is_refused(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", *arguments]) == ExitCode.USAGE
    assert words in capsys.readouterr().err
