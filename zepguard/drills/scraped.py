"""What a scenario's Prometheus has scraped: series that it states, or those of the world's own metrics."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from zepguard.prometheus.expressions import METRIC

__all__ = ["BEGAN", "JOB", "Scraped"]

BEGAN = 1_760_000_400
"""When the first scrape was, unix seconds: a full hour, which none of the rules looks at."""

JOB = "chatapp"
_TARGET = f'instance="web:8000",job="{JOB}"'


@dataclass
class Scraped:
    """Scrapes ``every_s`` seconds apart, the oldest first; or ``stated`` series, in promtool's notation."""

    every_s: int = 0
    stated: dict[str, str] = field(default_factory=dict)
    evaluated: str = "1m"
    scrapes: list[Mapping[str, float]] = field(default_factory=list)

    @property
    def ended(self) -> int:
        """When the last scrape was, unix seconds."""
        return BEGAN + (len(self.scrapes) - 1) * self.every_s

    def take(self, series: Mapping[str, float]) -> None:
        """Keep what a scrape gave; counts' times of birth are left out, the text format that is scraped has none."""
        self.scrapes.append({name: value for name, value in series.items() if METRIC.match(name) and not _birth(name)})

    def series(self, families: Collection[str]) -> dict[str, str]:
        """The series of these families, with their target's labels, in promtool's notation; or those stated."""
        if self.stated:
            return self.stated
        return {
            _with_target(name): " ".join(_value(scrape.get(name)) for scrape in self.scrapes)
            for name in sorted({name for scrape in self.scrapes for name in scrape})
            if name.partition("{")[0] in families
        }

    def write(self, path: Path) -> None:
        """Write all scrapes as OpenMetrics with timestamps: each series' samples together, in order of time."""
        with path.open("w", encoding="utf-8") as text:
            for name in sorted({name for scrape in self.scrapes for name in scrape}):
                for number, scrape in enumerate(self.scrapes):
                    if name in scrape:
                        text.write(f"{_with_target(name)} {scrape[name]!r} {BEGAN + number * self.every_s}\n")
            text.write("# EOF\n")


def _birth(name: str) -> bool:
    return name.partition("{")[0].endswith("_created")


def _with_target(name: str) -> str:
    family, _, labels = name.partition("{")
    there = labels.removesuffix("}")
    return f"{family}{{{there + ',' if there else ''}{_TARGET}}}"


def _value(value: float | None) -> str:
    return "_" if value is None else f"{value:.10g}"
