"""The filled-in checklist: what each run was the last to say, and nothing that nobody ran."""

import re
from pathlib import Path
from typing import Any

import pytest

from zepguard.drills.catalogue import catalogue
from zepguard.drills.checklist import Item, checklist
from zepguard.evidence import Finding, ItemResult, Verdict, write
from zepguard.evidence.filled_in import FilledIn, fill_in, markdown
from zepguard.evidence.model import ItemState, Status

JUNIT = '<testsuites><testsuite><testcase classname="tests.memory.test_auto_downgrade.TestX" name="a">{}</testcase>\
<testcase classname="tests.memory.test_auto_downgrade" name="b"/><testcase classname="tests.other" name="c"><failure/>\
</testcase></testsuite></testsuites>'


def of(filled: FilledIn, name: str) -> ItemState:
    return next(one for one in filled.items if one.id == name)


def stage(filled: FilledIn, name: str) -> Verdict:
    return next(one.verdict for one in filled.stages if one.stage == name)


@pytest.fixture(autouse=True)
def _one_scenario(monkeypatch: pytest.MonkeyPatch) -> None:
    """The item of these tests has no further scenario, however many the features have."""
    name = "the downgrade is counted exactly once"
    known = [one for one in catalogue() if one.name == name or "drill4-counter" not in one.ids]
    monkeypatch.setattr("zepguard.evidence.filled_in.catalogue", lambda: known)


@pytest.fixture
def runs(evidence: Any, scenario: Any, tmp_path: Path) -> Path:
    """Drill 4's counter passed in sim, then in a later run on a stack."""
    write(tmp_path / "drills-sim", evidence())
    stack = scenario(where="stack", seen=("gauge | 1",))
    later = {"world": "stack", "finished": "2026-01-06T08:10:00+00:00", "command": "zepguard drill --world stack"}
    write(tmp_path / "drills", evidence(scenarios=(stack,), run=later))
    return tmp_path


def test_runs_of_several_worlds_come_together(runs: Path) -> None:
    filled = fill_in(runs)
    assert of(filled, "drill4-counter").status is Status.PASSED
    assert of(filled, "drill4-counter").seen == ("sim: gauge 1 <b>", "stack: gauge | 1")
    assert of(filled, "drill4-gauge").status is Status.NOT_RUN
    assert of(filled, "roles-hud").status is Status.NOT_BUILT
    assert filled.sources["drill4-counter", "stack"].folder == runs / "drills"


def test_the_newest_run_of_a_world_counts(runs: Path, evidence: Any, scenario: Any) -> None:
    newer = {"finished": "2026-01-07T08:10:00+00:00"}
    write(runs / "again", evidence(scenarios=(scenario("failed"),), run=newer))
    filled = fill_in(runs)
    assert of(filled, "drill4-counter").where == {"sim": "failed", "stack": "passed"}
    assert stage(filled, "staging-read-write") is Verdict.NO_GO
    assert filled.sources["drill4-counter", "sim"].folder == runs / "again"


def test_a_programs_former_word_on_a_stage_gives_way_to_its_last(runs: Path, evidence: Any) -> None:
    def finding(verdict: Verdict) -> Finding:
        return Finding(stage="canary", verdict=verdict, why=("p95 TTFB +180 ms",), by="zepguard load")

    before, after = {"finished": "2026-01-07T08:00:00+00:00"}, {"finished": "2026-01-08T08:00:00+00:00"}
    write(runs / "load", evidence(scenarios=(), findings=(finding(Verdict.NO_GO),), run=before))
    assert stage(fill_in(runs), "canary") is Verdict.NO_GO
    write(runs / "load-again", evidence(scenarios=(), findings=(finding(Verdict.GO),), run=after))
    assert stage(fill_in(runs), "canary") is Verdict.INCONCLUSIVE  # its items are not all built


@pytest.mark.parametrize(
    ("inside", "status", "seen"),
    [
        ("", Status.PASSED, "tests: 2 of 2 tests passed"),
        ("<failure/>", Status.FAILED, "tests: 1 of 2 tests passed"),
        ("<skipped/>", Status.PASSED, "tests: 1 of 2 tests passed, 1 skipped"),
    ],
)
def test_an_item_that_a_test_verifies_is_what_the_suites_junit_says(
    tmp_path: Path, inside: str, status: Status, seen: str
) -> None:
    items = [Item(id="pre-units", stage="s", says="", verified_by="tests/memory/test_auto_downgrade.py")]
    assert fill_in(tmp_path, items).items[0].status is Status.NOT_RUN
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "junit.xml").write_text(JUNIT.format(inside))
    (tmp_path / "junit.xml").write_text("no XML")
    assert (fill_in(tmp_path, items).items[0].status, fill_in(tmp_path, items).items[0].seen) == (status, (seen,))


def test_markdown_ticks_what_passed_and_nothing_else(runs: Path) -> None:
    text = markdown(fill_in(runs), reports=runs)
    ticked = re.findall(r"^- \[x\] ✓ \*\*([\w-]+)\*\*", text, re.MULTILINE)
    assert ticked == ["drill4-counter"]
    assert len(re.findall(r"^- \[[ x]\] ", text, re.MULTILINE)) == len(checklist())
    assert re.search(r"^- \[ \] \*not run\* \*\*drill4-gauge\*\*", text, re.MULTILINE)
    assert re.search(r"^- \[ \] \*not built\* \*\*roles-hud\*\*.*strangers", text, re.MULTILINE)
    assert "## staging-read-write: inconclusive" in text
    assert r"sim: gauge 1 \<b\>" in text
    assert r"stack: gauge \| 1" in text
    assert "](" not in text, "no links to where nobody can read"


def test_markdown_links_to_where_the_reports_are_published(runs: Path) -> None:
    text = markdown(fill_in(runs), reports=runs, published="https://ci.example/reports/")
    assert "(https://ci.example/reports/drills/index.html#item-drill4-counter)" in text
    assert "(https://ci.example/reports/drills-sim/index.html#item-drill4-counter)" in text


def test_a_failed_item_is_crossed(tmp_path: Path, evidence: Any) -> None:
    result = ItemResult(item="soak-writes", status="failed", where="sim", by="zepguard soak", seen=("98.4 %\nof all",))
    write(tmp_path / "soak", evidence(scenarios=(), results=(result,)))
    items = [Item(id="soak-writes", stage="s", says="over 99 %", worlds=("sim",))]
    text = markdown(fill_in(tmp_path, items), reports=tmp_path)
    assert "- [ ] ✗ **soak-writes**: over 99 %\n  - sim: 98.4 % of all\n" in text
    assert "## s: no go" in text


def test_without_a_run_nothing_is_ticked(tmp_path: Path) -> None:
    text = markdown(fill_in(tmp_path), reports=tmp_path)
    assert "No run was found" in text
    assert "[x]" not in text
