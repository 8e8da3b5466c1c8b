"""The dashboard's panels with what a Prometheus answers: the same expressions, from the dashboard's own file."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from zepguard.evidence.model import Panel, PanelKind, Series, Threshold
from zepguard.prometheus.answers import Asking
from zepguard.prometheus.answers import Series as Answer
from zepguard.prometheus.places import grafana_folder

__all__ = ["ask_panels", "dashboard_titles"]

_VARIABLE = re.compile(r"\$\{?(?:job|instance)\}?")
_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_POINTS = 240


def ask_panels(asking: Asking, *, start: float, end: float, job: str = ".*") -> tuple[Panel, ...]:
    """Ask each panel's queries from ``start`` to ``end`` (unix seconds), of all instances of a job.

    Args:
        asking: a running Prometheus that has the run's samples.
        start: of the run, in the run's own time.
        end: likewise.
        job: a regular expression; all jobs by default.

    Raises:
        QueryRefused: it does not answer.
        FileNotFoundError: the dashboard is not installed.
    """
    step_s = max(1.0, math.ceil((end - start) / _POINTS))
    found = []
    for panel in _dashboard():
        answers = _answers(panel, asking, start, end, step_s, job)
        found.append(_panel(panel, tuple(answers), start, end))
    return tuple(found)


def dashboard_titles() -> frozenset[str]:
    """The names of the dashboard's panels; raises FileNotFoundError where the dashboard is not installed."""
    return frozenset(panel["title"] for panel in _dashboard())


@cache
def _dashboard() -> Sequence[Mapping[str, Any]]:
    text = (grafana_folder() / "dashboards/memory_service_monitoring.json").read_text(encoding="utf-8")
    panels: Sequence[Mapping[str, Any]] = json.loads(text)["dashboard"]["panels"]
    return panels


def _answers(
    panel: Mapping[str, Any], asking: Asking, start: float, end: float, step_s: float, job: str
) -> Iterator[Series]:
    for target in panel["targets"]:
        promql = _VARIABLE.sub(lambda found: job if "job" in found[0] else ".*", target["expr"])
        for answer in asking.range(promql, start=start, end=end, step_s=step_s):
            yield Series(name=_name(target["legendFormat"], answer), points=tuple(_points(answer)))


def _name(legend: str, answer: Answer) -> str:
    return _LABEL.sub(lambda found: answer.labels.get(found[1], ""), legend) or "value"


def _points(answer: Answer) -> Iterator[tuple[float, float | None]]:
    return ((at, value if math.isfinite(value) else None) for at, value in answer.points)


def _panel(panel: Mapping[str, Any], series: tuple[Series, ...], began: float, ended: float) -> Panel:
    shows = panel["fieldConfig"]["defaults"]
    steps = shows["thresholds"]["steps"]
    mapped = {
        value: result
        for mapping in shows.get("mappings", [])
        if mapping["type"] == "value"
        for value, result in mapping["options"].items()
    }
    return Panel(
        title=panel["title"],
        kind=PanelKind(panel["type"]),
        unit=shows["unit"],
        began=began,
        ended=ended,
        about=panel.get("description", ""),
        no_value=shows.get("noValue", "N/A"),
        decimals=shows.get("decimals"),
        thresholds=tuple(Threshold(value=one["value"], colour=one["color"]) for one in steps),
        texts={value: result["text"] for value, result in mapped.items()},
        text_colours={value: result["color"] for value, result in mapped.items()},
        series=series,
    )
