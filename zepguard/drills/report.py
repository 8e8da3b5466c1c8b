"""What a run leaves behind: ``results.json`` and one offline HTML page; pytest adds ``junit.xml``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jinja2

from zepguard.drills.checklist import checklist
from zepguard.drills.outcome import ScenarioOutcome, by_drill, verdict, worst

__all__ = ["merged_junit", "merged_results", "read_results", "results_of", "write_report"]


def results_of(outcomes: Sequence[ScenarioOutcome], *, world: str, time_scale: float) -> dict[str, Any]:
    """What ``results.json`` says of a run."""
    return {
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


def read_results(path: Path) -> dict[str, Any]:
    """Read a ``results.json``.

    Raises:
        OSError: it cannot be read.
        ValueError: it is none; naming it and the remedy.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        scenarios = [scenario for drill in told["drills"] for scenario in drill["scenarios"]]
        if all({"feature", "name", "ids", "status"} <= set(one) for one in scenarios) and {"world", "finished"} <= set(
            told
        ):
            return dict(told)
    except (ValueError, KeyError, TypeError):
        pass
    raise ValueError(f"{path} is no results.json of `zepguard drill`: run the drills again, or remove it")


def merged_results(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The results of several runs in one world, as if they had been one; the worst verdict, the last moment."""
    order = {item.id: number for number, item in enumerate(checklist())}
    drills = [drill for part in parts for drill in part["drills"]]
    drills.sort(key=lambda drill: min(order.get(one, len(order)) for s in drill["scenarios"] for one in s["ids"]))
    return {
        **max(parts, key=lambda part: str(part["finished"])),
        "verdict": worst(part["verdict"] for part in parts),
        "drills": drills,
    }


def merged_junit(parts: Sequence[Path], target: Path) -> None:
    """One JUnit file with the suites of several."""
    suites = ElementTree.Element("testsuites")
    for part in parts:
        suites.extend(ElementTree.parse(part).getroot().findall("testsuite"))
    target.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(suites).write(target, encoding="utf-8", xml_declaration=True)


def write_report(folder: Path, results: dict[str, Any]) -> None:
    """Write ``results.json`` and the page into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=2), encoding="utf-8")
    (folder / "index.html").write_text(_page(results), encoding="utf-8")


def _page(results: dict[str, Any]) -> str:
    source = files("zepguard.drills").joinpath("report.html.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.from_string(source).render(results=results)
