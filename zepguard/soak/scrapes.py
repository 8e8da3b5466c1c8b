"""Scrapes of the product's own collectors, kept as OpenMetrics text with virtual timestamps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

__all__ = ["LABELS", "Scrapes"]

LABELS: Mapping[str, str] = {"job": "chatapp", "instance": "soak:8000"}
"""What a Prometheus would add to each series."""

_LEFT_OUT = ("_created",)  # the text format that is scraped has none either


class Scrapes:
    """Takes scrapes, oldest first."""

    def __init__(self) -> None:
        self._families: dict[str, list[str]] = {}
        self._names: dict[tuple[object, ...], str] = {}
        self.taken = 0

    def take(self, collectors: Iterable[Collector], now: float) -> None:
        """Collect once, at ``now`` (unix seconds)."""
        self.taken += 1
        stamp = f" {now:.3f}\n"
        for collector in collectors:
            for metric in collector.collect():
                self._keep(metric, stamp)

    def _keep(self, metric: Metric, stamp: str) -> None:
        lines = self._families.setdefault(f"# TYPE {metric.name} {metric.type}\n", [])
        for sample in metric.samples:
            if not sample.name.endswith(_LEFT_OUT):
                lines.append(f"{self._name(sample.name, sample.labels)} {sample.value!r}{stamp}")

    def _name(self, name: str, labels: Mapping[str, str]) -> str:
        key = (name, *labels.values())
        known = self._names.get(key)
        if known is None:
            told = ",".join(f'{label}="{value}"' for label, value in {**labels, **LABELS}.items())
            known = self._names[key] = f"{name}{{{told}}}"
        return known

    def write(self, path: Path) -> None:
        """Write all of it: each family's samples together, in order of time."""
        with path.open("w", encoding="utf-8") as text:
            for head, lines in self._families.items():
                text.write(head)
                text.writelines(lines)
            text.write("# EOF\n")
