"""What a run leaves behind: ``results.json`` and one offline HTML page; pytest adds ``junit.xml``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2

from zepguard.drills.outcome import ScenarioOutcome, by_drill, verdict

__all__ = ["write_report"]


def write_report(folder: Path, outcomes: Sequence[ScenarioOutcome], *, world: str, time_scale: float) -> dict[str, Any]:
    """Write both files into ``folder`` and give what ``results.json`` says."""
    folder.mkdir(parents=True, exist_ok=True)
    results = {
        "verdict": verdict(outcomes),
        "world": world,
        "time_scale": time_scale,
        "version": version("zepguard"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "drills": [
            {
                "name": drill.name,
                "title": drill.title,
                "status": drill.status,
                "took_s": round(drill.took_s, 3),
                "seen": drill.seen,
                "scenarios": [one.as_json() for one in drill.scenarios],
            }
            for drill in by_drill(outcomes)
        ],
    }
    (folder / "results.json").write_text(json.dumps(results, indent=2), encoding="utf-8")
    (folder / "index.html").write_text(_page(results), encoding="utf-8")
    return results


def _page(results: dict[str, Any]) -> str:
    source = files("zepguard.drills").joinpath("report.html.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.from_string(source).render(results=results)
