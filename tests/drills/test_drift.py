"""Two worlds that tell a scenario differently are found out, unless the list explains it."""

import json
from pathlib import Path

import pytest

from zepguard.cli import run
from zepguard.drills.drift import Known, compare, known_differences


def results(world: str = "sim", **history: object) -> dict[str, object]:
    told = {
        "steps": [{"step": "When sent", "mode": "read_write", "forced": "", "failures": 0}],
        "events": ["memory_mode_forced reason=auth", "zep_write_failure outcome=auth"],
        "counts": {'memory_zep_downgrades_total{reason="auth"}': 1.0},
        **history,
    }
    scenario = {
        "feature": "Drill 4",
        "name": "it downgrades",
        "ids": ["drill4-gauge"],
        "status": "passed",
        "history": told,
    }
    return {"world": world, "finished": "2026-01-01", "drills": [{"scenarios": [scenario]}]}


def test_the_same_history_is_no_drift() -> None:
    assert compare(results(), results("stack"), ()) == []


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({"counts": {}}, 'count memory_zep_downgrades_total{reason="auth"}'),
        ({"events": ["memory_mode_forced reason=auth"]}, "event zep_write_failure outcome=auth"),
        (
            {"events": ["memory_mode_forced reason=manual", "zep_write_failure outcome=auth"]},
            "event memory_mode_forced",
        ),
        ({"steps": [{"step": "When sent", "mode": "write_only", "forced": "auth", "failures": 0}]}, "step When sent"),
        ({"steps": []}, "step When sent"),
    ],
)
def test_a_difference_in_counts_events_or_modes_is_found(other: dict[str, object], what: str) -> None:
    found = compare(results(), results("stack", **other), ())
    assert [one.what.startswith(what) for one in found] == [True]
    assert not found[0].why


def test_a_known_difference_keeps_its_reason_and_an_event_of_its_kind_its_order() -> None:
    known = (Known(what="count memory_*", why="time"), Known(what="event zep_write*", why="deliveries"))
    found = compare(results(), results("stack", counts={}, events=["memory_mode_forced reason=auth"]), known)
    assert [(one.what.partition("{")[0], one.why) for one in found] == [("count memory_zep_downgrades_total", "time")]


def test_the_list_in_the_repo_gives_a_reason_for_each() -> None:
    assert all(one.what and one.why for one in known_differences())


def test_an_entry_without_a_reason_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "drift.toml"
    path.write_text('[[known]]\nwhat = "count *"\n')
    with pytest.raises(ValueError, match="count"):
        known_differences(path)


@pytest.mark.parametrize(
    ("stack", "code"),
    [(results("stack"), 0), (results("stack", steps=[]), 1), ({"world": "stack", "finished": "", "drills": []}, 3)],
)
def test_the_command_ends_with_the_tables_codes(tmp_path: Path, stack: dict[str, object], code: int) -> None:
    for name, told in (("sim", results()), ("stack", stack)):
        (tmp_path / f"{name}.json").write_text(json.dumps(told))
    assert run(["drift", "--sim", str(tmp_path / "sim.json"), "--stack", str(tmp_path / "stack.json")]) == code


@pytest.mark.parametrize("text", ["[]", "{}", "not JSON", '{"drills": [{}]}'])
def test_what_is_no_results_file_is_named_without_a_traceback(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a" / "results.json"
    path.parent.mkdir()
    path.write_text(text)
    assert run(["drift", "--sim", str(path)]) == 2
    assert str(path) in capsys.readouterr().err


def test_a_missing_file_is_named_with_the_command_that_makes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["drift", "--sim", str(tmp_path / "none.json")]) == 2
    assert "zepguard drill --world sim" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("feature", "name", "code"),
    [
        (
            "Drill 5, consecutive failures",
            "no probe before the hold is over, and one after it",
            0,
        ),  # of world sim alone
        ("Drill 4, auth failure", "the mode gauge shows write_only", 3),  # of both
        ("A drill", "that no feature file has", 3),
    ],
)
def test_a_scenario_that_one_world_lacks_is_told_unless_it_is_of_one_world(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], feature: str, name: str, code: int
) -> None:
    sim, stack = results(), results("stack")
    only = {**sim["drills"][0]["scenarios"][0], "feature": feature, "name": name}  # type: ignore[index]
    sim["drills"][0]["scenarios"].append(only)  # type: ignore[index]
    for file, told in (("sim.json", sim), ("stack.json", stack)):
        (tmp_path / file).write_text(json.dumps(told), encoding="utf-8")
    assert run(["drift", "--sim", str(tmp_path / "sim.json"), "--stack", str(tmp_path / "stack.json")]) == code
    assert ("ALONE" in capsys.readouterr().out) is (code == 3)
