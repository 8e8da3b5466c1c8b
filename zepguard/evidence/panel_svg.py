"""A panel of the dashboard as a drawing, with what Prometheus answered. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from zepguard.evidence.drawing import Element, Scale, add, as_text, drawing, figure, in_columns, offset
from zepguard.evidence.model import Panel, PanelKind, Series

__all__ = ["panel_svg", "shown"]

_WIDTH, _HEIGHT = 300.0, 120.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 8.0, 10.0, 20.0
_LINES = 4
_LINE = 26.0
_COLOURS = frozenset({"green", "yellow", "red", "orange", "blue"})


def panel_svg(panel: Panel) -> str:
    """The markup of one panel."""
    told = "; ".join(text for text, _ in shown(panel))
    svg = drawing(_WIDTH, _HEIGHT, f"{panel.title}: {told}")
    draw = {PanelKind.STAT: _stat, PanelKind.TIMESERIES: _lines, PanelKind.STATE_TIMELINE: _states}[panel.kind]
    draw(svg, panel)
    return as_text(svg)


def shown(panel: Panel) -> list[tuple[str, str]]:
    """The last value of each series as the panel shows it, and its colour; one without series shows ``no_value``."""
    if not panel.series:
        return [(panel.no_value, "none")]
    many = len(panel.series) > 1
    told = []
    for series in panel.series:
        value = series.points[-1][1] if series.points else None
        text = _text(panel, value)
        told.append((f"{series.name} {text}" if many else text, _colour(panel, value)))
    return told


def _text(panel: Panel, value: float | None) -> str:
    if value is not None and not math.isnan(value) and f"{value:g}" in panel.texts:
        return panel.texts[f"{value:g}"]
    return figure(value, panel.unit, decimals=panel.decimals, nothing=panel.no_value)


def _colour(panel: Panel, value: float | None) -> str:
    if value is None:
        return "none"
    reached = [one.colour for one in panel.thresholds if one.value is None or value >= one.value]
    return reached[-1] if reached and reached[-1] in _COLOURS else "none"


def _stat(svg: Element, panel: Panel) -> None:
    told = shown(panel)[:_LINES]
    for number, (text, colour) in enumerate(told):
        size = "big" if len(told) == 1 else "middle"
        add(
            svg,
            "text",
            text,
            x=_WIDTH / 2,
            y=_LINE * (number + 1) + (14 if len(told) == 1 else 0),
            class_=f"{size} {colour}",
        )
    points = [list(_drawn(series)) for series in panel.series]
    if any(len(one) > 1 for one in points):
        low, high = _ends(value for one in points for _, value in one)
        x, y = _times(panel.series, 0.0, _WIDTH), Scale(low, high, _HEIGHT - 4, _HEIGHT - 34)
        for one in points:
            add(svg, "polyline", points=_path(one, x, y), class_="spark")


def _lines(svg: Element, panel: Panel) -> None:
    points = [list(_drawn(series)) for series in panel.series]
    values = [value for one in points for _, value in one]
    if not values:
        add(svg, "text", panel.no_value, x=_WIDTH / 2, y=_HEIGHT / 2 + 6, class_="big none")
        return
    low, high = 0.0, max(max(values), 1e-9)
    x, y = _times(panel.series, _LEFT, _WIDTH - _RIGHT), Scale(low, high, _HEIGHT - _BOTTOM, _TOP)
    for value in (low, high):
        add(svg, "line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y(value), y2=y(value), class_="grid")
        add(svg, "text", figure(value, panel.unit), x=_LEFT - 5, y=y(value) + 4, class_="row small")
    _time_axis(svg, panel.series)
    for number, one in enumerate(points):
        add(svg, "polyline", points=_path(one, x, y), class_=f"line s{number % 6}")
        if len(one) == 1:
            add(svg, "circle", cx=x(one[0][0]), cy=y(one[0][1]), r=2.5, class_=f"point s{number % 6}")


def _states(svg: Element, panel: Panel) -> None:
    x = _times(panel.series, 0.0, _WIDTH)
    for series in panel.series[:1]:
        ends = [*(at for at, _ in series.points[1:]), series.points[-1][0]] if series.points else []
        for (began, value), ended in zip(series.points, ends, strict=True):
            text = _text(panel, value)
            kind = text.lower().replace("_", "-")
            bar = add(
                svg, "rect", x=x(began), y=30, width=round(x(ended) - x(began), 2), height=40, class_=f"bar {kind}"
            )
            add(bar, "title", text)
    _time_axis(svg, panel.series, left=0.0)
    legend = dict.fromkeys(_text(panel, value) for series in panel.series[:1] for _, value in series.points)
    add(svg, "text", ", ".join(legend) or panel.no_value, x=_WIDTH / 2, y=20, class_="tick", text_anchor="middle")


def _time_axis(svg: Element, series: Sequence[Series], *, left: float = _LEFT) -> None:
    times = [at for one in series for at, _ in one.points]
    lasts = max(times) - min(times) if times else 0.0
    add(svg, "text", "0", x=left, y=_HEIGHT - 6, class_="tick", text_anchor="start")
    add(svg, "text", offset(round(lasts)), x=_WIDTH - _RIGHT, y=_HEIGHT - 6, class_="tick", text_anchor="end")


def _times(series: Sequence[Series], left: float, right: float) -> Scale:
    times = [at for one in series for at, _ in one.points]
    return Scale(min(times, default=0.0), max(times, default=0.0), left, right)


def _drawn(series: Series) -> Iterator[tuple[float, float]]:
    return ((at, value) for at, value in series.points if value is not None and math.isfinite(value))


def _ends(values: Iterable[float]) -> tuple[float, float]:
    found = list(values)
    return min(found), max(found)


def _path(points: Sequence[tuple[float, float]], x: Scale, y: Scale) -> str:
    return " ".join(f"{x(at)},{y(value)}" for at, value in in_columns(points, x))
