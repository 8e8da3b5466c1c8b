"""The checklist's PromQL, as ``prometheus/expressions.toml`` has it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zepguard.prometheus.places import prometheus_folder

__all__ = ["METRIC", "Expression", "RulesError", "read_expressions", "with_matchers"]

METRIC = re.compile(r"\b((?:memory|circuit|agent|chat|error)_[a-z0-9_]+)(\{[^}]*\})?")
"""A series of the product in an expression, with its matchers."""


class RulesError(ValueError):
    """A file of expressions, budgets or rules that cannot be used; names file, entry and what is wrong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Expression:
    """One expression; ``window`` is meant where nobody says another, ``by`` are its series' labels."""

    name: str
    template: str
    window: str
    unit: str
    says: str
    by: tuple[str, ...] = ()

    def promql(self, window: str = "", *, matchers: str = "") -> str:
        """The PromQL, looking back on ``window`` (a PromQL duration), of the series that ``matchers`` leave."""
        text = self.template.strip().replace("$window", window or self.window)
        return with_matchers(text, matchers) if matchers else text


def with_matchers(promql: str, matchers: str) -> str:
    """Add matchers (``job="app"``) to each series of the product in an expression. Pure."""

    def added(found: re.Match[str]) -> str:
        there = (found[2] or "{}")[1:-1]
        return f"{found[1]}{{{', '.join(one for one in (there, matchers) if one)}}}"

    return METRIC.sub(added, promql)


def read_expressions(path: Path | None = None) -> Mapping[str, Expression]:
    """Read the expressions by name; raises RulesError."""
    path = path or prometheus_folder() / "expressions.toml"
    entries = tomllib.loads(path.read_text(encoding="utf-8"))
    return {name: _expression(path, name, entry) for name, entry in entries.items()}


def _expression(path: Path, name: str, entry: Mapping[str, object]) -> Expression:
    missing = {"promql", "window", "unit", "says"} - set(entry)
    if missing:
        raise RulesError(f"{path}: [{name}] has no {', '.join(sorted(missing))}: write it")
    by = entry.get("by", [])
    return Expression(
        name=name,
        template=str(entry["promql"]),
        window=str(entry["window"]),
        unit=str(entry["unit"]),
        says=str(entry["says"]),
        by=tuple(map(str, by)) if isinstance(by, list) else (),
    )
