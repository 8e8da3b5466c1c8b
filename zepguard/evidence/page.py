"""The page of a run: one HTML file that needs nothing but itself, not even a font.

Pure, but for its template and the names of the dashboard's panels.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from zepguard.evidence.drawing import offset
from zepguard.evidence.model import Lane, Panel, Record, Scenario, Table, Timeline
from zepguard.evidence.panel_svg import panel_svg
from zepguard.evidence.panels import dashboard_titles
from zepguard.evidence.timeline_svg import timeline_svg

__all__ = ["page"]

_LINES_MAX = 200
"""Log lines of one scenario that are shown; ``evidence.json`` has them all."""

_WORDY = 40
"""Characters in a cell of a table, from which on its rows are laid out one below the other on a phone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Happened:
    """One line of what happened: seconds since the beginning, and who or what."""

    when: str
    what: str
    details: str
    kind: str


def page(record: Record) -> str:
    """The HTML of a run."""
    by_stage = {one.stage: [item for item in record.items if item.stage == one.stage] for one in record.stages}
    return _template().render(
        record=record,
        counts=record.counts(),
        items=by_stage,
        anchors=_anchors(record),
        scenarios=[_shown(one) for one in record.scenarios],
        timelines=[(one.title, Markup(timeline_svg(one))) for one in record.timelines],
        panels=[_drawn(one) for one in record.panels],
        of_dashboard={one.title for one in record.panels} <= dashboard_titles(),
        tables=[_table(one) for one in record.tables],
        lines_max=_LINES_MAX,
    )


@cache
def _template() -> jinja2.Template:
    source = files("zepguard.evidence").joinpath("page.html.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["slug"] = lambda text: str(text).replace(" ", "-")
    environment.filters["moment"] = lambda text: str(text).replace("T", " ").replace("+00:00", " UTC")
    return environment.from_string(source)


def _anchors(record: Record) -> dict[str, list[tuple[int, str]]]:
    """The scenarios of each item, as numbers on the page and names."""
    found: dict[str, list[tuple[int, str]]] = {}
    for number, scenario in enumerate(record.scenarios):
        for item in scenario.ids:
            found.setdefault(item, []).append((number, f"{scenario.name} ({scenario.where})"))
    return found


def _drawn(panel: Panel) -> dict[str, Any]:
    return {
        "title": panel.title,
        "about": panel.about,
        "svg": Markup(panel_svg(panel)),
        "legend": [series.name for series in panel.series] if panel.kind == "timeseries" else [],
    }


def _table(table: Table) -> dict[str, Any]:
    wordy = any(len(cell) >= _WORDY for row in table.rows for cell in row)
    return {"title": table.title, "about": table.about, "columns": table.columns, "rows": table.rows, "wordy": wordy}


def _shown(scenario: Scenario) -> dict[str, Any]:
    happened = _happened(scenario)
    return {
        "it": scenario,
        "svg": Markup(timeline_svg(scenario.timeline) if scenario.timeline else ""),
        "happened": happened[:_LINES_MAX],
        "more": max(0, len(happened) - _LINES_MAX),
    }


def _happened(scenario: Scenario) -> Sequence[_Happened]:
    """Log lines, and what was done meanwhile, in time's order; what has no time stands last."""
    timeline = scenario.timeline
    began = timeline.began if timeline else min((line.at for line in scenario.log if line.at is not None), default=0.0)
    found = [
        (line.at, _Happened(when="", what=line.event, details=_told(line.details), kind="log")) for line in scenario.log
    ]
    found += [(at, _Happened(when="", what=what, details="", kind="done")) for at, what in _done(timeline)]
    found.sort(key=lambda one: (one[0] is None, one[0] or 0.0))
    return [
        _Happened(
            when="" if at is None else f"+{offset(max(0.0, round(at - began, 2)))}",
            what=one.what,
            details=one.details,
            kind=one.kind,
        )
        for at, one in found
    ]


def _done(timeline: Timeline | None) -> Sequence[tuple[float, str]]:
    marks = timeline.marks if timeline else ()
    done = [(one.at, one.label) for one in marks if one.lane is Lane.NOTE]
    for one in marks:
        if one.lane is Lane.FAULT:
            done.append((one.at, f"fault on: {one.label}"))
            done += [(one.until, f"fault off: {one.label}")] if one.until is not None else []
    return done


def _told(details: Any) -> str:
    return " ".join(
        f"{name}={value if isinstance(value, str) else json.dumps(value)}"
        for name, value in details.items()
        if value not in (None, "")
    )
