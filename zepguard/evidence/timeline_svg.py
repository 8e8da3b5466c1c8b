"""A timeline as a drawing: a row each for mode, faults, breakers, latency and what was done. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from zepguard.evidence.drawing import Element, Scale, add, as_text, drawing, figure, in_columns, offset, ticks
from zepguard.evidence.model import Lane, Mark, Timeline

__all__ = ["timeline_svg"]

_WIDTH, _LEFT, _RIGHT = 720.0, 112.0, 12.0
_ROW, _BAR, _LATENCY, _AXIS, _TOP = 24.0, 16.0, 78.0, 22.0, 6.0
_LETTER = 6.6  # the width of a letter at the drawing's size
_LABEL_MAX = 16
_BEYOND = 0.04  # the share of the time that is drawn after its end, so that the last change has a width


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    label: str
    height: float
    draw: Callable[[Element, float], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Bar:
    began: float
    ended: float
    label: str
    kind: str


def timeline_svg(timeline: Timeline) -> str:
    """The markup of one timeline; empty if it has no mark."""
    if not timeline.marks:
        return ""
    edge = timeline.ended + max(_BEYOND * (timeline.ended - timeline.began), 0.001)
    x = Scale(timeline.began, edge, _LEFT, _WIDTH - _RIGHT)
    timeline = timeline.model_copy(update={"ended": edge})
    rows = [*_mode_row(timeline, x), *_fault_rows(timeline, x), *_breaker_rows(timeline, x)]
    rows += [*_latency_row(timeline, x), *_note_row(timeline, x)]
    bottom = _TOP + sum(row.height for row in rows)
    svg = drawing(_WIDTH, bottom + _AXIS, f"Timeline of: {timeline.title}")
    _axis(svg, timeline, x, bottom)
    top = _TOP
    for row in rows:
        shown = row.label if len(row.label) <= _LABEL_MAX else row.label[: _LABEL_MAX - 1] + "…"
        label = add(svg, "text", shown, x=_LEFT - 8, y=top + _ROW / 2 + 4, class_="row")
        add(label, "title", row.label)
        row.draw(svg, top)
        top += row.height
    return as_text(svg)


def _axis(svg: Element, timeline: Timeline, x: Scale, bottom: float) -> None:
    for at, text in ticks(timeline.began, timeline.ended):
        add(svg, "line", x1=x(at), x2=x(at), y1=_TOP, y2=bottom, class_="grid")
        anchor = "end" if x(at) > _WIDTH - _RIGHT - 20 else "middle"
        add(svg, "text", text, x=x(at), y=bottom + 15, class_="tick", text_anchor=anchor)


def _of(timeline: Timeline, lane: Lane) -> list[Mark]:
    return sorted((one for one in timeline.marks if one.lane is lane), key=lambda one: one.at)


def _until_next(marks: Sequence[Mark], ended: float, kind: Callable[[Mark], str]) -> list[_Bar]:
    ends = [*(one.at for one in marks[1:]), ended]
    return [
        _Bar(began=one.at, ended=max(end, one.at), label=f"{one.label} {one.of}".strip(), kind=kind(one))
        for one, end in zip(marks, ends, strict=True)
    ]


def _bars(label: str, bars: Iterable[_Bar], x: Scale) -> _Row:
    def draw(svg: Element, top: float) -> None:
        for bar in bars:
            left, right = x(bar.began), x(bar.ended)
            shape = add(
                svg,
                "rect",
                x=left,
                y=top + (_ROW - _BAR) / 2,
                width=max(2.0, round(right - left, 2)),
                height=_BAR,
                class_=f"bar {bar.kind}",
            )
            add(shape, "title", f"{bar.label}, {offset(max(0.0, bar.ended - bar.began))}")
            shown = next((one for one in (bar.label, bar.label.partition(" ")[0]) if _fits(one, right - left)), "")
            if shown:
                add(svg, "text", shown, x=left + 4, y=top + _ROW / 2 + 4, class_=f"in {bar.kind}")

    return _Row(label=label, height=_ROW, draw=draw)


def _fits(text: str, width: float) -> bool:
    return len(text) * _LETTER + 8 <= width


def _mode_row(timeline: Timeline, x: Scale) -> list[_Row]:
    marks = _of(timeline, Lane.MODE)
    if not marks:
        return []
    bars = _until_next(marks, timeline.ended, lambda one: one.label.replace("_", "-").replace(" ", "-"))
    return [_bars("mode", bars, x)]


def _fault_rows(timeline: Timeline, x: Scale) -> list[_Row]:
    faults = _of(timeline, Lane.FAULT)
    rows = []
    for name in dict.fromkeys(one.of or one.label for one in faults):
        bars = [
            _Bar(began=one.at, ended=timeline.ended if one.until is None else one.until, label=one.label, kind="fault")
            for one in faults
            if (one.of or one.label) == name
        ]
        rows.append(_bars(name, bars, x))
    return rows


def _breaker_rows(timeline: Timeline, x: Scale) -> list[_Row]:
    marks = _of(timeline, Lane.BREAKER)
    rows = []
    for operation in dict.fromkeys(one.of for one in marks):
        bars = _until_next([one for one in marks if one.of == operation], timeline.ended, lambda one: one.label)
        label = f"breaker {operation}".strip()
        rows.append(_bars(label, [bar for bar in bars if bar.kind == "open"], x))
    return rows


def _latency_row(timeline: Timeline, x: Scale) -> list[_Row]:
    marks = [one for one in _of(timeline, Lane.LATENCY) if one.value is not None]
    if not marks:
        return []
    points = in_columns([(one.at, one.value or 0.0) for one in marks], x)
    highest = max(value for _, value in points)
    labels = {(one.at, one.value): one.label for one in marks}

    def draw(svg: Element, top: float) -> None:
        y = Scale(0.0, highest, top + _LATENCY - 8, top + 12)
        for value in (0.0, highest):
            add(svg, "line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y(value), y2=y(value), class_="grid")
        add(svg, "text", figure(highest, "s"), x=_LEFT - 8, y=top + _ROW / 2 + 20, class_="row small")
        for at, value in points:
            kind = " wrong" if "," in labels[at, value] else ""
            dot = add(svg, "circle", cx=x(at), cy=y(value), r=3, class_=f"dot{kind}")
            add(dot, "title", f"{labels[at, value]}: {figure(value, 's')} at {offset(at - timeline.began)}")

    return [_Row(label="latency, up to", height=_LATENCY, draw=draw)]


def _note_row(timeline: Timeline, x: Scale) -> list[_Row]:
    marks = _of(timeline, Lane.NOTE)
    if not marks:
        return []

    def draw(svg: Element, top: float) -> None:
        for one in marks:
            at = x(one.at)
            shape = add(svg, "path", d=f"M{at - 5} {top + 6}h10l-5 11z", class_="note")
            add(shape, "title", f"{one.label} at {offset(one.at - timeline.began)}")

    return [_Row(label="done", height=_ROW, draw=draw)]
