"""What a run tells: ``results.json``, by which two worlds are compared, and the scenarios of its evidence."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from zepguard.drills.checklist import checklist
from zepguard.drills.outcome import ScenarioOutcome, by_drill, verdict, worst
from zepguard.drills.runner import DrillRun
from zepguard.evidence import Evidence, LogLine, Panel, Run, Scenario, Timeline, Watch, masked, now_text, product

__all__ = ["evidence_of", "merged_results", "read_results", "results_of", "write_results"]


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


def write_results(file: Path, results: Mapping[str, Any], mask: Callable[[str], str]) -> None:
    """Write a ``results.json``, without what ``mask`` takes out of its texts."""
    file.write_text(json.dumps(masked(results, mask), indent=2), encoding="utf-8")


def evidence_of(
    run: DrillRun, watch: Watch, *, world: str, time_scale: float, started: str, panels: tuple[Panel, ...] = ()
) -> Evidence:
    """What a run leaves as evidence; ``watch`` saw each of its scenarios."""
    timelines, logs = [*watch.timelines], [*watch.logs]
    return Evidence(
        run=Run(
            command="zepguard drill",
            world=world,
            time_scale=time_scale,
            started=started,
            finished=now_text(),
            interrupted=run.interrupted,
        ),
        product=product(),
        settings=watch.settings,
        scenarios=tuple(
            _scenario(outcome, world, timeline, log)
            for outcome, timeline, log in zip(run.outcomes, timelines, logs, strict=False)
        ),
        panels=panels,
    )


def _scenario(outcome: ScenarioOutcome, world: str, timeline: Timeline, log: tuple[LogLine, ...]) -> Scenario:
    told = outcome.as_json()
    names = set(Scenario.model_fields) & set(told)
    return Scenario.model_validate(
        {**{name: told[name] for name in names}, "where": world, "timeline": timeline, "log": log}
    )
