"""What the drawings of the page share: elements, scales, ticks, and figures as text. Pure.

Colours are classes, which the page gives their values for light and for dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

__all__ = ["Scale", "add", "as_text", "drawing", "figure", "in_columns", "offset", "ticks"]

Element = ElementTree.Element
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
_TIME_STEPS = (
    1,
    2,
    5,
    10,
    20,
    30,
    60,
    120,
    300,
    600,
    1200,
    1800,
    *(n * 3600 for n in (1, 2, 4, 6, 12, 24, 48, 96, 168)),
)


class Scale:
    """Puts values between two ends to places between two others; a stretch of nothing has its values in the middle."""

    def __init__(self, low: float, high: float, left: float, right: float) -> None:
        self._low, self._high, self._left, self._right = low, high, left, right

    def __call__(self, value: float) -> float:
        """The place of a value; beyond the ends, the end's."""
        if self._high <= self._low:
            return (self._left + self._right) / 2
        part = min(1.0, max(0.0, (value - self._low) / (self._high - self._low)))
        return round(self._left + part * (self._right - self._left), 2)


def drawing(width: float, height: float, label: str) -> Element:
    """An empty drawing; ``label`` is what a screen reader says."""
    view = f"0 0 {width:g} {height:g}"
    return Element("svg", {"viewBox": view, "role": "img", "aria-label": label, "width": "100%"})


def add(parent: Element, tag: str, text: str = "", **attributes: object) -> Element:
    """Add an element; a trailing underscore of an attribute's name is left out, others become dashes."""
    named = {name.rstrip("_").replace("_", "-"): str(value) for name, value in attributes.items()}
    element = ElementTree.SubElement(parent, tag, named)
    element.text = text or None
    return element


def as_text(svg: Element) -> str:
    """The markup, to stand in a page."""
    return ElementTree.tostring(svg, encoding="unicode")


def ticks(began: float, ended: float, *, about: int = 6) -> Iterator[tuple[float, str]]:
    """Moments between two (unix seconds) at round distances from the first, each with its text."""
    lasts = ended - began
    step = next((one for one in _TIME_STEPS if lasts / one <= about), math.ceil(lasts / about / _DAY) * _DAY)
    for number in range(int(lasts / step) + 1):
        yield began + number * step, offset(number * step)


def offset(seconds: float) -> str:
    """Seconds since a beginning, as ``0.25 s``, ``1:40 min`` or ``5:30 h``; days from three on."""
    if seconds < 2 * _MINUTE:
        return f"{seconds:g} s" if seconds == int(seconds) else f"{seconds:.2f} s"
    if seconds < 2 * _HOUR:
        return f"{int(seconds // _MINUTE)}:{int(seconds % _MINUTE):02} min"
    if seconds < 3 * _DAY:
        return f"{int(seconds // _HOUR)}:{int(seconds % _HOUR // _MINUTE):02} h"
    return f"{seconds / _DAY:.1f} d"


def figure(value: float | None, unit: str, *, decimals: int | None = None, nothing: str = "N/A") -> str:
    """A value with its unit, by Grafana's names of units; what is no number is ``nothing``."""
    if value is None or math.isnan(value):
        return nothing
    if unit == "percentunit":
        return f"{value * 100:.{1 if decimals is None else decimals}f} %"
    if unit == "s":
        return f"{value * 1000:.0f} ms" if abs(value) < 1 else f"{value:.2f} s"
    text = f"{value:.3g}" if decimals is None else f"{value:.{decimals}f}"
    return f"{text}/s" if unit == "reqps" else text


def in_columns(points: Sequence[tuple[float, float]], scale: Scale, *, most: int = 500) -> list[tuple[float, float]]:
    """The points as they are, or of more than ``most`` the highest of each column of a drawing: no peak is lost."""
    if len(points) <= most:
        return list(points)
    highest: dict[int, tuple[float, float]] = {}
    for at, value in points:
        column = int(scale(at))
        if column not in highest or value > highest[column][1]:
            highest[column] = (at, value)
    return [highest[column] for column in sorted(highest)]
