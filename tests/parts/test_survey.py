"""The survey tells of every part, needed or not, and builds nothing."""

from pathlib import Path

from zepguard.parts import survey

NEEDED = ["Python", "Toxiproxy", "Valkey", "supervisor", "Celery", "uvicorn"]
LATER = ["prometheus", "promtool", "alertmanager", "amtool", "chromium", "PostgreSQL"]


def nowhere(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "PATH": str(tmp_path)}


def test_every_part_is_told_of_and_each_missing_one_has_a_remedy(tmp_path: Path) -> None:
    """On a machine with nothing but this environment."""
    reports = survey(nowhere(tmp_path))
    assert [report.name for report in reports] == [*NEEDED, "Go", *LATER]
    assert all(report.part or report.remedy for report in reports)
    assert all(report.used_for for report in reports)
    assert all(report.ok for report in reports)  # the rest is made on demand, or for later
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_choice_of_the_user_is_a_line_and_no_crash(tmp_path: Path) -> None:
    """The line has the remedy, and the survey is not fine."""
    reports = {one.name: one for one in survey(nowhere(tmp_path) | {"TOXIPROXY_SERVER": "/nothing"})}
    assert not reports["Toxiproxy"].ok
    assert "correct or unset TOXIPROXY_SERVER" in str(reports["Toxiproxy"].remedy)
    assert reports["Valkey"].ok


def test_a_tool_on_path_is_told_with_its_version(tmp_path: Path) -> None:
    """Also one that says its version elsewhere than others do."""
    tool = tmp_path / "promtool"
    tool.write_text("#!/bin/sh\necho promtool, version 3.1.0 >&2\nexit 1\n")
    tool.chmod(0o755)
    part = next(one.part for one in survey(nowhere(tmp_path)) if one.name == "promtool")
    assert part is not None
    assert (part.version, part.path) == ("3.1.0", tool)
