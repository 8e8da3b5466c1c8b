"""What the matrix leaves as evidence: only what was caught has passed, and no item of the checklist has."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest

from zepguard.defects.evidence import evidence_of
from zepguard.defects.matrix import Matrix, Tried
from zepguard.defects.watch import Outcome
from zepguard.evidence import Record, Status, Verdict, write
from zepguard.evidence.filled_in import fill_in, markdown
from zepguard.evidence.schema import SCHEMA

GATE = "@drill4-gauge the mode gauge shows write_only"


def tried(name: str, status: str, *gates: tuple[str, str]) -> Tried:
    outcomes = tuple(Outcome(gate=gate, status=what, problem="0 is not 1", took_s=1.0) for gate, what in gates)
    problem = "no longer applies" if status == "stale" else ""
    return Tried(
        name=name,
        breaks="a gauge" if name else "",
        item="drill4-gauge",
        part="guard" if name else "",
        status=status,
        problem=problem,
        outcomes=outcomes,
        took_s=2.0,
    )


CAUGHT = tried("caught-one", "caught", ("a", "passed"), (GATE, "red"))
CLEAN = tried("", "passed", (GATE, "passed"), ("a", "passed"))


def left(tmp_path: Path, *rows: Tried, clean: Tried | None = CLEAN, interrupted: bool = False) -> Record:
    matrix = Matrix(
        tried=rows, clean=clean, took_s=9.0, cpu_s=8.0, interrupted=interrupted, whole=False, all_gates=True
    )
    return write(tmp_path / "defects", evidence_of(matrix, command="zepguard defects", started=""))


def test_the_matrix_is_on_the_page_and_by_the_schema(tmp_path: Path) -> None:
    record = left(tmp_path, CAUGHT, tried("stale-one", "stale"))
    told = json.loads((tmp_path / "defects" / "evidence.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(told)
    matrix, idle = record.tables
    assert [row[:5] for row in matrix.rows] == [
        ("caught-one", "guard", "drill4-gauge", "caught", GATE),
        ("stale-one", "guard", "drill4-gauge", "stale", "no longer applies"),
    ]
    assert idle.rows == (("a",),)
    page = (tmp_path / "defects" / "index.html").read_text(encoding="utf-8")
    assert "caught-one" in page
    assert "no longer applies" in page


@pytest.mark.parametrize(
    ("status", "told", "tag", "verdict"),
    [
        ("caught", "passed", None, Verdict.GO),
        ("escaped", "failed", "failure", Verdict.NO_GO),
        ("stale", "void", "error", Verdict.INCONCLUSIVE),
        ("broke", "void", "error", Verdict.INCONCLUSIVE),
        ("void", "void", "error", Verdict.INCONCLUSIVE),
    ],
)
def test_only_what_was_caught_has_passed(
    tmp_path: Path, status: str, told: str, tag: str | None, verdict: Verdict
) -> None:
    record = left(tmp_path, tried("one", status))
    assert record.scenarios[0].status == told
    assert (record.findings[0].verdict, record.stages[-1].verdict) == (verdict, verdict)
    cases = ElementTree.parse(tmp_path / "defects" / "junit.xml").getroot().iter("testcase")
    (case,) = [one for one in cases if one.get("name") == "one"]
    assert [child.tag for child in case if child.tag in ("failure", "error")] == ([tag] if tag else [])


def test_a_stopped_run_and_one_without_the_clean_tree_are_inconclusive(tmp_path: Path) -> None:
    assert left(tmp_path, CAUGHT, interrupted=True).run.interrupted
    assert left(tmp_path, CAUGHT, interrupted=True).findings[0].verdict is Verdict.INCONCLUSIVE
    assert left(tmp_path, CAUGHT, clean=None).findings[0].verdict is Verdict.INCONCLUSIVE


def test_a_caught_defect_passes_no_item_and_the_checklist_tells_the_verdict(tmp_path: Path) -> None:
    left(tmp_path, CAUGHT)
    filled = fill_in(tmp_path)
    assert {one.status for one in filled.items} == {Status.NOT_RUN, Status.NOT_BUILT}
    text = markdown(filled, reports=tmp_path)
    assert "## defects: go" in text
    assert "zepguard defects: 1 defects: 1 caught" in text
    assert "| `zepguard defects` |" in text
    assert "[x]" not in text
