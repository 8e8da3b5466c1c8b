"""What the dashboard would show: its panels' own expressions, asked of a Prometheus. No Grafana runs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zepguard.prometheus.answers import Asking
from zepguard.prometheus.places import grafana_folder

__all__ = ["Shown", "shown"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A panel's last numbers, those that are none left out, and the text that stands for the first of them."""

    numbers: tuple[float, ...]
    text: str

    def __str__(self) -> str:
        return self.text or ", ".join(f"{number:.4g}" for number in self.numbers) or "nothing"


def shown(ask: Asking, *, at: float) -> Mapping[str, Shown]:
    """Ask each panel of the dashboard, by its title, at a time (unix seconds).

    Raises:
        QueryRefused: Prometheus did not answer.
    """
    text = (grafana_folder() / "dashboards/memory_service_monitoring.json").read_text(encoding="utf-8")
    return {panel["title"]: _shown(ask, panel, at) for panel in json.loads(text)["dashboard"]["panels"]}


def _shown(ask: Asking, panel: Mapping[str, Any], at: float) -> Shown:
    asked = [one["expr"].replace("$job", ".*").replace("$instance", ".*") for one in panel["targets"]]
    values = [series.last for promql in asked for series in ask.instant(promql, at=at)]
    numbers = tuple(value for value in values if not math.isnan(value))
    return Shown(numbers=numbers, text=_mapped(panel, numbers))


def _mapped(panel: Mapping[str, Any], numbers: tuple[float, ...]) -> str:
    for mapping in panel["fieldConfig"]["defaults"].get("mappings", []):
        if mapping["type"] == "special" and not numbers:
            return str(mapping["options"]["result"]["text"])
        if mapping["type"] == "value" and numbers:
            return str(mapping["options"].get(f"{numbers[0]:g}", {}).get("text", ""))
    return ""
