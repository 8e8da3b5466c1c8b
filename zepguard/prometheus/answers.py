"""What Prometheus' HTTP API says to a question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

__all__ = ["Asking", "QueryRefused", "Series"]

_TIMEOUT_S = 60.0


class QueryRefused(Exception):
    """Prometheus did not answer a query; the text has the query and what it said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """Labels, and points of unix seconds and value; NaN is a value like any other."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]

    @property
    def last(self) -> float:
        """The last value."""
        return self.points[-1][1]

    @property
    def values(self) -> tuple[float, ...]:
        """All values in time's order."""
        return tuple(value for _, value in self.points)


class Asking:
    """The questions that a Prometheus answers.

    Args:
        url: its root.
    """

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=_TIMEOUT_S, trust_env=False)

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()

    def instant(self, promql: str, *, at: float | None = None) -> list[Series]:
        """Ask for the values at a time (unix seconds; now by default); no series is an empty list.

        Raises:
            QueryRefused: the query cannot be, or the answer is none.
        """
        asked: dict[str, Any] = {"query": promql}
        if at is not None:
            asked["time"] = at
        return [_series(one["metric"], [one["value"]]) for one in self._ask("/api/v1/query", asked)]

    def range(self, promql: str, *, start: float, end: float, step_s: float) -> list[Series]:
        """Ask for the values from ``start`` to ``end`` (unix seconds), ``step_s`` seconds apart.

        Raises:
            QueryRefused: the query cannot be, or the answer is none.
        """
        asked = {"query": promql, "start": start, "end": end, "step": step_s}
        return [_series(one["metric"], one["values"]) for one in self._ask("/api/v1/query_range", asked)]

    def firing(self) -> list[Mapping[str, str]]:
        """The labels of the alerts that fire now; raises QueryRefused."""
        return [one["labels"] for one in self._get("/api/v1/alerts", {})["alerts"] if one["state"] == "firing"]

    def targets_up(self) -> bool:
        """Whether each target was scraped, and well; False while there is none."""
        active = self._get("/api/v1/targets", {})["activeTargets"]
        return bool(active) and all(one["health"] == "up" for one in active)

    def rules_health(self) -> dict[str, str]:
        """Of each rule, by its name: ``ok``, ``unknown`` (not evaluated yet), or the error; raises QueryRefused."""
        rules = [rule for group in self._get("/api/v1/rules", {})["groups"] for rule in group["rules"]]
        return {one["name"]: one.get("lastError") or one["health"] for one in rules}

    def _ask(self, path: str, asked: Mapping[str, Any]) -> list[Any]:
        data = self._get(path, asked)
        if data["resultType"] == "scalar":
            return [{"metric": {}, "value": data["result"]}]
        found: list[Any] = data["result"]
        return found

    def _get(self, path: str, asked: Mapping[str, Any]) -> Any:
        try:
            answer = self._http.post(path, data=dict(asked)) if asked else self._http.get(path)
            told = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise QueryRefused(f"{path} with {dict(asked)}: {error!r}") from error
        if told.get("status") != "success":
            raise QueryRefused(f"{path} with {dict(asked)}: {told.get('error', answer.status_code)}")
        return told["data"]


def _series(labels: Mapping[str, str], points: list[list[Any]]) -> Series:
    return Series(labels=labels, points=tuple((float(at), float(text)) for at, text in points))
