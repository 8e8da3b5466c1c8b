"""Where rules and dashboards are: beside the package in a checkout, inside it in an installed wheel."""

from __future__ import annotations

from pathlib import Path

__all__ = ["grafana_folder", "prometheus_folder"]

_PACKAGE = Path(__file__).resolve().parents[1]


def prometheus_folder() -> Path:
    """The folder of alerts, expressions and budgets; raises FileNotFoundError naming where was looked."""
    return _holding("prometheus", "alerts.yml")


def grafana_folder() -> Path:
    """The folder of the dashboards; raises FileNotFoundError naming where was looked."""
    return _holding("grafana", "dashboards/memory_service_monitoring.json")


def _holding(folder: str, file: str) -> Path:
    places = [_PACKAGE / folder, _PACKAGE.parent / folder]
    for place in places:
        if (place / file).is_file():
            return place
    raise FileNotFoundError(f"no {file} in {' nor '.join(map(str, places))}: install zepguard again")
