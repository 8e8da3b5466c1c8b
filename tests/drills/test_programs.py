"""What the drills ask is built before they begin, and said to be; what cannot be had is told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from zepguard.drills import programs
from zepguard.drills.catalogue import catalogue
from zepguard.drills.programs import make_ready, programs_of
from zepguard.parts import Part, PartMissing
from zepguard.parts.commands import Progress
from zepguard.parts.prometheus import ALERTMANAGER, AMTOOL, PROMETHEUS, PROMTOOL, Tool

WITHIN_S = 120


def test_each_scenario_that_asks_a_program_is_known_to() -> None:
    asked = {(one.file.stem, tool.name) for one in catalogue() for tool in programs_of([one])}
    assert {
        ("alerts", "promtool"),
        ("alerts", "amtool"),
        ("pages", "prometheus"),
        ("pages", "alertmanager"),
        ("dashboard", "prometheus"),
        ("dashboard", "promtool"),
        ("soak", "prometheus"),
        ("downgrades", "promtool"),
    } <= asked
    about_them = {"alerts", "pages", "soak"}
    idle = {one.name for one in catalogue() if one.file.stem in about_them and not programs_of([one])}
    assert not idle


@pytest.mark.parametrize(
    ("world", "selectors", "quick", "wanted"),
    [
        ("sim", ("drill4",), False, set()),
        ("sim", (), True, {PROMTOOL, AMTOOL, PROMETHEUS}),
        ("sim", ("month1-probes",), True, set()),
        ("sim", ("month1-probes",), False, {PROMETHEUS, PROMTOOL}),
        ("stack", ("pre-alert-stuck",), False, {PROMETHEUS, ALERTMANAGER}),
    ],
)
def test_only_what_is_asked_for_is_made_ready(
    monkeypatch: pytest.MonkeyPatch, world: str, selectors: tuple[str, ...], quick: bool, wanted: set[Tool]
) -> None:
    made: set[Tool] = set()
    told: list[str] = []

    def obtain(tool: Tool, *, on_progress: Progress) -> Part:
        made.add(tool)
        if tool is PROMETHEUS:
            raise PartMissing(tool.name, "is not here", tool.remedy)
        return Part(name=tool.name, path=Path("/"), version=None, source="")

    monkeypatch.setattr(programs, "obtain_tool", obtain)
    make_ready(world, selectors, quick=quick, tell=told.append)
    assert made == wanted
    assert [one.partition(" ")[0] for one in told] == ["prometheus"] * (PROMETHEUS in wanted)


def test_a_drill_says_that_it_builds(tmp_path: Path) -> None:
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text(
        """#!/bin/sh
PATH=/usr/bin:/bin
while [ "$1" != -o ]; do shift; done
folder=$2; shift 2
for package; do printf '#!/bin/sh\\n' > "$folder${package##*/}"; chmod 755 "$folder${package##*/}"; done
"""
    )
    go.chmod(0o755)
    mine = {"PATH": str(go.parent), "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    theirs = {tool.override for tool in (PROMETHEUS, PROMTOOL, ALERTMANAGER, AMTOOL)}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "zepguard",
            "drill",
            "--world",
            "sim",
            "pre-alert-reads",
            "--report",
            str(tmp_path / "r"),
        ],
        env={name: value for name, value in os.environ.items() if name not in theirs} | mine,
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN_S,
    )
    building = [number for number, line in enumerate(done.stderr.splitlines()) if "building" in line]
    drilled = [
        number for number, line in enumerate(done.stderr.splitlines()) if line.startswith(("  passed", "  failed"))
    ]
    assert "  building prometheus 3.5.0, once ..." in done.stderr
    assert max(building) < min(drilled), done.stderr
