"""A soak from its first virtual second to its verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guard.service import MemoryService
from zepguard.evidence import Panel, ask_panels
from zepguard.prometheus.blocks import make_blocks
from zepguard.prometheus.server import Prometheus
from zepguard.prometheus.verdict import Verdict
from zepguard.soak.judge import ItemFinding, judge_soak, verdict_of
from zepguard.soak.run import Soak, run
from zepguard.soak.scenarios import Scenario
from zepguard.soak.story import Story

__all__ = ["METRICS_FILE", "Judged", "hold"]

METRICS_FILE = "metrics.openmetrics"
"""In a soak's folder: its scrapes with virtual timestamps, for ``promtool tsdb create-blocks-from openmetrics``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A soak, and what came of it. ``took_s`` are real seconds by what was done; ``panels`` are the dashboard's."""

    soak: Soak
    story: Story
    findings: tuple[ItemFinding, ...]
    verdict: Verdict
    why: str
    took_s: dict[str, float]
    panels: tuple[Panel, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        story, soak = self.story, self.soak
        return {
            "scenario": soak.scenario.name,
            "stage": soak.scenario.stage,
            "verdict": str(self.verdict),
            "why": self.why,
            "hours": story.lasts_s / 3600,
            "seed": soak.seed,
            "idle": soak.idle,
            "write_failures": soak.noise.write_failures,
            "read_failures": soak.noise.read_failures,
            "messages": len(story.messages),
            "undelivered": story.undelivered,
            "incidents": [
                {"kind": one.kind, "began": one.began, "ended": one.ended, "seen": one in story.real_troubles()}
                for one in story.troubles
            ],
            "items": [
                {"id": one.item, "verdict": str(one.verdict), "why": one.why, "promql": one.promql}
                for one in self.findings
            ],
            "took_s": {name: round(seconds, 1) for name, seconds in self.took_s.items()},
        }


def hold(
    soak: Soak,
    checklist: Scenario,
    folder: Path,
    *,
    progress: Callable[[float], None] = lambda hours: None,
    stage: Callable[[str], None] = lambda text: None,
    meanwhile: Mapping[float, Callable[[MemoryService], None]] | None = None,
) -> Judged:
    """Run a soak, load its metrics into a Prometheus, and judge it. Call it in the main thread.

    Args:
        soak: what to run; may last shorter than the checklist says.
        checklist: the scenario as the checklist has it.
        folder: for the metrics and Prometheus' files.
        progress: told the hours done, each virtual hour.
        stage: told what is done next.
        meanwhile: see ``run``.

    Raises:
        WorldError: the product did not start.
        PartMissing: there is no Prometheus or promtool.
        BlocksNotMade, StartFailed, QueryRefused: one of them did not do its work.
    """
    metrics, server = folder / METRICS_FILE, folder / "prometheus"
    took_s: dict[str, float] = {}
    began = time.monotonic()
    story = run(soak, metrics, progress=progress, meanwhile=meanwhile)
    took_s["run"], began = time.monotonic() - began, time.monotonic()
    stage("loading the metrics into Prometheus")
    make_blocks(metrics, server / "data", block_s=story.lasts_s)
    took_s["blocks"], began = time.monotonic() - began, time.monotonic()
    stage("asking it")
    with Prometheus.start(server) as prometheus:
        findings = judge_soak(prometheus.ask, soak.scenario, story)
        panels = ask_panels(prometheus.ask, start=story.began, end=story.ended)
    took_s["questions"] = time.monotonic() - began
    verdict, why = verdict_of(findings, checklist, story)
    return Judged(soak=soak, story=story, findings=findings, verdict=verdict, why=why, took_s=took_s, panels=panels)
