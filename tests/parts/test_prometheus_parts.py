"""Prometheus and its kin: the user's choice first, then PATH; a wrong choice is refused, a missing one has a remedy."""

from pathlib import Path

import pytest

from zepguard.parts import PartMissing, PartUnusable, survey
from zepguard.parts.prometheus import ALERTMANAGER, AMTOOL, PROMETHEUS, PROMTOOL, Tool, find_tool, obtain_tool

TOOLS = [PROMETHEUS, PROMTOOL, ALERTMANAGER, AMTOOL]


def program(path: Path, version: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{path.name}, version {version} (branch: x)'\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_the_users_choice_comes_before_path(tool: Tool, tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path / "bin")}
    assert find_tool(tool, environ) is None
    there = program(tmp_path / "bin" / tool.commands[-1], "2.42.0")
    found = obtain_tool(tool, environ)
    assert (found.path, found.version, found.source) == (there, "2.42.0", "on PATH")
    chosen = program(tmp_path / "mine", "3.5.0")
    found = obtain_tool(tool, environ | {tool.override: str(chosen)})
    assert (found.path, found.version, found.source) == (chosen, "3.5.0", f"from {tool.override}")


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_a_missing_one_and_a_wrong_choice_name_the_remedy(tool: Tool, tmp_path: Path) -> None:
    with pytest.raises(PartMissing, match=f"install {tool.package}"):
        obtain_tool(tool, {"PATH": str(tmp_path)})
    wrong = {"PATH": str(tmp_path), tool.override: "/nothing"}
    with pytest.raises(PartUnusable, match=f"correct or unset {tool.override}"):
        obtain_tool(tool, wrong)
    report = next(one for one in survey(wrong | {"HOME": str(tmp_path)}) if one.name == tool.name)
    assert not report.ok
