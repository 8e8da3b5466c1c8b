"""The checklist's numbers by stage, as ``prometheus/budgets.toml`` has them."""

from __future__ import annotations

import operator
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from zepguard.prometheus.expressions import Expression, RulesError, read_expressions
from zepguard.prometheus.places import prometheus_folder

__all__ = ["Budget", "read_budgets"]

_IS: Mapping[str, Callable[[float, float], bool]] = {"==": operator.eq, "<": operator.lt, ">": operator.gt}
_OVER: Mapping[str, Callable[[float, float], float]] = {
    "": lambda _, limit: limit,
    "baseline + limit": lambda baseline, limit: baseline + limit,
    "baseline * limit": lambda baseline, limit: baseline * limit,
}
_KINDS = ("criterion", "trigger")


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """One number: what is compared with it, how, and over what.

    ``kind`` is ``criterion`` (must hold) or ``trigger`` (must not hold). ``lasts`` is for how long a comparison must
    hold to count, a PromQL duration; empty is at once.
    """

    item: str
    stage: str
    expression: Expression
    window: str
    compared: str
    limit: float
    over: str
    lasts: str
    kind: str

    @property
    def needs_baseline(self) -> bool:
        """Whether the limit stands on a baseline's value of the same expression."""
        return bool(self.over)

    def promql(self, *, matchers: str = "") -> str:
        """What to ask."""
        return self.expression.promql(self.window, matchers=matchers)

    def holds(self, value: float, *, baseline: float = 0.0) -> bool:
        """Whether the comparison holds for a value, in the expression's unit; NaN holds nothing."""
        return _IS[self.compared](value, _OVER[self.over](baseline, self.limit))


def read_budgets(path: Path | None = None) -> tuple[Budget, ...]:
    """Read the budgets in their order.

    Raises:
        RulesError: a key is missing or unknown, or a value cannot be; names the item and the key.
    """
    path = path or prometheus_folder() / "budgets.toml"
    expressions = read_expressions()
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("budget", [])
    return tuple(_budget(path, entry, expressions) for entry in entries)


def _budget(path: Path, entry: Mapping[str, object], expressions: Mapping[str, Expression]) -> Budget:
    item = str(entry.get("item", "?"))
    needed = {"item", "stage", "expression", "window", "is", "limit", "kind"}
    if unknown := set(entry) - needed - {"over", "lasts"}:
        raise RulesError(
            f"{path}: the budget of {item} has {', '.join(sorted(unknown))}, which nobody reads: remove it"
        )
    if missing := needed - set(entry):
        raise RulesError(f"{path}: the budget of {item} has no {', '.join(sorted(missing))}: write it")
    _one_of(path, item, "expression", entry["expression"], expressions)
    _one_of(path, item, "is", entry["is"], _IS)
    _one_of(path, item, "kind", entry["kind"], dict.fromkeys(_KINDS))
    _one_of(path, item, "over", entry.get("over", ""), _OVER)
    limit = entry["limit"]
    if not isinstance(limit, int | float) or isinstance(limit, bool):
        raise RulesError(f"{path}: the budget of {item} has limit = {limit!r}: write a number")
    return Budget(
        item=item,
        stage=str(entry["stage"]),
        expression=expressions[str(entry["expression"])],
        window=str(entry["window"]),
        compared=str(entry["is"]),
        limit=float(limit),
        over=str(entry.get("over", "")),
        lasts=str(entry.get("lasts", "")),
        kind=str(entry["kind"]),
    )


def _one_of(path: Path, item: str, key: str, value: object, known: Mapping[str, object]) -> None:
    if value not in known:
        allowed = ", ".join(repr(one) for one in known)
        raise RulesError(f"{path}: the budget of {item} has {key} = {value!r}: write one of {allowed}")
