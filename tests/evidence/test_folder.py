"""The folder of a run: by its schema, read back as written, and readable by others' tools."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from zepguard.evidence import Evidence, NoEvidence, Verdict, find_runs, joined, read, write
from zepguard.evidence.folder import record_of, write_views
from zepguard.evidence.schema import SCHEMA, schema_text

VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_the_schema_is_up_to_date_and_a_schema() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), "run: python -m zepguard.evidence.schema"
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text()))


def test_what_is_written_is_by_the_schema_and_reads_back(full: Evidence, tmp_path: Path) -> None:
    record = write(tmp_path / "new" / "run", full)
    VALIDATOR.validate(json.loads((tmp_path / "new" / "run" / "evidence.json").read_text(encoding="utf-8")))
    assert read(tmp_path / "new" / "run") == record
    assert read(tmp_path / "new" / "run" / "evidence.json") == record


@pytest.mark.parametrize("change", [{"stages": [{"stage": "s", "verdict": "maybe", "why": []}]}, {"more": 1}])
def test_the_schema_refuses_what_is_none(full: Evidence, change: dict[str, Any]) -> None:
    told = {**json.loads(record_of(full).model_dump_json()), **change}
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(told)


def test_a_run_says_what_it_did_not_run(full: Evidence) -> None:
    stages = {one.stage: one for one in record_of(full).stages}
    assert stages["staging-read-write"].verdict is Verdict.NO_GO
    assert any("drill4-counter" in why for why in stages["staging-read-write"].why)
    assert stages["operations"].verdict is Verdict.INCONCLUSIVE
    assert any(why.startswith("not run: ") and "ops-status" in why for why in stages["operations"].why)
    assert any(why.startswith("not built: ") and "roles-hud" in why for why in stages["operations"].why)


def test_junit_counts_failures_errors_and_what_was_not_run(full: Evidence, tmp_path: Path) -> None:
    write(tmp_path, full)
    suites = {one.get("name"): one for one in ElementTree.parse(tmp_path / "junit.xml").getroot()}
    drill = suites["Drill 4, auth failure"]
    assert [drill.get(key) for key in ("tests", "failures", "errors", "skipped")] == ["3", "1", "1", "0"]
    assert {case.find("error") is not None for case in drill if "x" * 300 in ElementTree.tostring(case).decode()} == {
        True
    }
    not_run = suites["items of the checklist that were not run"]
    assert "ops-status" in {case.get("name") for case in not_run}
    assert "drill4-counter" not in {case.get("name") for case in not_run}
    assert int(not_run.get("skipped", 0)) == len(not_run)


def test_junit_survives_what_xml_cannot_hold(evidence: Any, scenario: Any, tmp_path: Path) -> None:
    write(tmp_path, evidence(scenarios=(scenario("failed", problem="a\x00b\x1b[0m", name="\x07"),)))
    assert ElementTree.parse(tmp_path / "junit.xml").getroot().find(".//failure") is not None


def test_cucumber_json_has_what_its_readers_need(full: Evidence, tmp_path: Path) -> None:
    """As in Cucumber's own formatter: a failed step has the error, a void scenario is never all passed."""
    write(tmp_path, full)
    feature, *_ = json.loads((tmp_path / "cucumber.json").read_text(encoding="utf-8"))
    assert set(feature) == {"uri", "id", "keyword", "name", "description", "line", "tags", "elements"}
    assert feature["uri"] == "features/staging-read-write/drill-4-auth-failure.feature"
    passed, failed, void = feature["elements"]
    assert passed["line"] > 1
    assert passed["tags"] == [{"name": "@drill4-counter", "line": passed["line"] - 1}]
    assert [step["keyword"] + step["name"] for step in passed["steps"]] == ["Given a key", "Then it holds"]
    assert [step["result"] for step in passed["steps"]] == [
        {"status": "passed", "duration": 250_000_000},
        {"status": "passed", "duration": 500_000_000},
    ]
    assert failed["steps"][-1]["result"]["status"] == "failed"
    assert failed["steps"][-1]["result"]["error_message"].startswith("gauge is 0")
    assert void["steps"][-1]["result"]["status"] == "pending"
    assert len({one["id"] for one in feature["elements"]}) == 3


@pytest.mark.parametrize(("status", "told"), [("void", "pending"), ("failed", "failed")])
@pytest.mark.parametrize("steps", [True, False])
def test_a_scenario_whose_steps_all_passed_is_not_passed_in_cucumber_json(
    evidence: Any, scenario: Any, tmp_path: Path, status: str, told: str, steps: bool
) -> None:
    one = scenario(status, steps=scenario().steps if steps else ())
    write(tmp_path, evidence(scenarios=(one,)))
    feature, *_ = json.loads((tmp_path / "cucumber.json").read_text(encoding="utf-8"))
    assert feature["elements"][0]["steps"][-1]["result"]["status"] == told


def test_the_parts_of_a_run_are_joined_in_the_checklists_order(evidence: Any, scenario: Any) -> None:
    later = evidence(scenarios=(scenario(ids=("ops-status",)),), run={"started": "2026-01-05T07:00:00+00:00"})
    earlier = evidence(run={"interrupted": True, "finished": "2026-01-05T09:00:00+00:00"})
    together = joined([record_of(later), earlier])
    assert [one.ids for one in together.scenarios] == [("drill4-counter",), ("ops-status",)]
    assert together.run.interrupted
    assert (together.run.started[11:13], together.run.finished[11:13]) == ("07", "09")
    with pytest.raises(ValueError, match="at least one"):
        joined([])


def test_runs_are_found_the_newest_first(evidence: Any, tmp_path: Path) -> None:
    import os

    for number, name in enumerate(["b", "a/deep", "c"]):
        write(tmp_path / name, evidence())
        os.utime(tmp_path / name / "evidence.json", (1000 + number, 1000 + number))
    assert [one.relative_to(tmp_path).as_posix() for one in find_runs(tmp_path)] == ["c", "a/deep", "b"]
    assert find_runs(tmp_path / "nowhere") == []


@pytest.mark.parametrize("text", ["", "[]", "{}", "not JSON", '{"format": 3}', '{"verdict": "passed", "drills": []}'])
def test_what_is_no_evidence_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "evidence.json").write_text(text)
    with pytest.raises(NoEvidence, match=str(tmp_path / "evidence.json")):
        read(tmp_path)


def test_the_views_are_made_again_from_the_evidence_alone(full: Evidence, tmp_path: Path) -> None:
    write(tmp_path, full)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    for name in set(before) - {"evidence.json"}:
        (tmp_path / name).unlink()
    write_views(tmp_path, read(tmp_path))
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
