"""A panel of the dashboard as a drawing, with what Prometheus answered. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from zepguard.evidence.drawing import Element, Scale, add, as_text, drawing, figure, in_columns, offset
from zepguard.evidence.model import Panel, PanelKind, Series

__all__ = ["panel_svg", "shown"]

Points = Sequence[tuple[float, float | None]]

_WIDTH, _HEIGHT = 300.0, 120.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 8.0, 10.0, 20.0
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
    colour = panel.text_colours.get(f"{value:g}", reached[-1] if reached else "none")
    return colour if colour in _COLOURS else "none"


def _stat(svg: Element, panel: Panel) -> None:
    told = shown(panel)[:_LINES]
    size, first = ("big", _LINE + 14) if len(told) == 1 else ("middle", _LINE)
    for number, (text, colour) in enumerate(told):
        add(svg, "text", text, x=_WIDTH / 2, y=first + _LINE * number, class_=f"{size} {colour}")
    values = [value for series in panel.series for _, value in _drawn(series.points)]
    if values:
        x, y = _times(panel, 0.0, _WIDTH), Scale(min(values), max(values), _HEIGHT - 4, _HEIGHT - 30)
        for series in panel.series:
            _line(svg, series, x, y, "spark")


def _lines(svg: Element, panel: Panel) -> None:
    values = [value for series in panel.series for _, value in _drawn(series.points)]
    if not values:
        add(svg, "text", panel.no_value, x=_WIDTH / 2, y=_HEIGHT / 2 + 6, class_="big none")
        return
    low, high = min(0.0, *values), max(*values, 1e-9)
    x, y = _times(panel, _LEFT, _WIDTH - _RIGHT), Scale(low, high, _HEIGHT - _BOTTOM, _TOP)
    for value in (low, high):
        add(svg, "line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y(value), y2=y(value), class_="grid")
        add(svg, "text", figure(value, panel.unit), x=_LEFT - 5, y=y(value) + 4, class_="row small")
    _time_axis(svg, panel, _LEFT)
    for number, series in enumerate(panel.series):
        _line(svg, series, x, y, f"line s{number % 6}")


def _line(svg: Element, series: Series, x: Scale, y: Scale, kind: str) -> None:
    """A line, broken where there was no value; a value alone is a dot."""
    for stretch in _stretches(series.points):
        if len(stretch) == 1:
            ((at, value),) = stretch
            add(svg, "circle", cx=x(at), cy=y(value), r=1.5, class_=kind)
        else:
            add(
                svg, "polyline", points=" ".join(f"{x(at)},{y(one)}" for at, one in in_columns(stretch, x)), class_=kind
            )


def _stretches(points: Points) -> Iterator[list[tuple[float, float]]]:
    """The points between two gaps: of a range query, a moment without a value is no point at all."""
    step = min((late - early for (early, _), (late, _) in pairwise(points)), default=0.0)
    stretch: list[tuple[float, float]] = []
    for at, value in _drawn(points):
        if stretch and at - stretch[-1][0] > 1.5 * step:
            yield stretch
            stretch = []
        stretch.append((at, value))
    if stretch:
        yield stretch


def _states(svg: Element, panel: Panel) -> None:
    x = _times(panel, 0.0, _WIDTH)
    points = panel.series[0].points if panel.series else ()
    changes = [one for number, one in enumerate(points) if number == 0 or one[1] != points[number - 1][1]]
    ends = [*(at for at, _ in changes[1:]), panel.ended]
    for (began, value), ended in zip(changes, ends[: len(changes)], strict=True):
        text = _text(panel, value)
        width = max(1.0, round(x(ended) - x(began), 2))
        kind = text.lower().replace("_", "-")
        bar = add(svg, "rect", x=x(began), y=32, width=width, height=40, class_=f"bar {kind}")
        add(bar, "title", f"{text} at {offset(began - panel.began)}")
    _time_axis(svg, panel, 0.0)
    legend = dict.fromkeys(_text(panel, value) for _, value in changes)
    add(svg, "text", ", ".join(legend) or panel.no_value, x=_WIDTH / 2, y=20, class_="tick", text_anchor="middle")


def _time_axis(svg: Element, panel: Panel, left: float) -> None:
    add(svg, "text", "0", x=left, y=_HEIGHT - 6, class_="tick", text_anchor="start")
    lasts = offset(round(panel.ended - panel.began))
    add(svg, "text", lasts, x=_WIDTH - _RIGHT, y=_HEIGHT - 6, class_="tick", text_anchor="end")


def _times(panel: Panel, left: float, right: float) -> Scale:
    return Scale(panel.began, panel.ended, left, right)


def _drawn(points: Points) -> Iterator[tuple[float, float]]:
    return ((at, value) for at, value in points if value is not None and math.isfinite(value))
