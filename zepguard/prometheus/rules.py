"""Rule files: ``rules.yml`` made from expressions and budgets, and rules whose minutes pass faster.

python -m zepguard.prometheus.rules   writes prometheus/rules.yml
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from zepguard.prometheus.budgets import Budget, read_budgets
from zepguard.prometheus.expressions import Expression, RulesError, read_expressions
from zepguard.prometheus.places import prometheus_folder

__all__ = ["duration_s", "faster", "main", "recording_rules", "scaled_duration"]

_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "y": 31_536_000_000}
_PART = re.compile(r"(\d+)(ms|[smhdwy])")
_DURATION = r"(?:\d+(?:ms|[smhdwy]))+"
_IN_PROMQL = re.compile(rf"\[({_DURATION})(?::({_DURATION})?)?\]|\boffset\s+(-?)({_DURATION})")
_AGE = re.compile(r"(\w_age_seconds(?:\{[^}]*\})?(?:\[[^\]]*\])?\)*\s*[<>]=?\s*(?:bool\s+)?)(\d+(?:\.\d+)?)")
_COMMENT = re.compile(r"#[^\n]*")
_LONG_WINDOW_S = 3_600.0

_HEADER = """\
# Made by `python -m zepguard.prometheus.rules` from expressions.toml and budgets.toml; a test keeps it the same.
# memory:<expression> is the expression over its usual window; memory:budget is each number of the checklist.
"""


def duration_s(text: str) -> float:
    """Seconds of a PromQL duration (``1h30m``); raises RulesError for what is none."""
    if not re.fullmatch(_DURATION, text):
        raise RulesError(f"{text!r} is no duration of Prometheus: write one like 5m or 1h30m")
    return sum(int(count) * _UNITS_MS[unit] for count, unit in _PART.findall(text)) / 1000


def scaled_duration(text: str, scale: float) -> str:
    """The same duration, ``scale`` times shorter, in milliseconds and at least one of them. Pure."""
    return f"{max(1, round(duration_s(text) * 1000 / scale))}ms"


def faster(rules: str, scale: float) -> str:
    """Divide every duration of a rule file (YAML) by ``scale``: windows, offsets, ``for`` and intervals. Pure.

    So is the number, in seconds, that an age (``..._age_seconds``) is compared with, where it stands behind. Rates stay
    per second, so a threshold on a rate is reached as in real time. Raises RulesError for no rule file.
    """
    loaded = yaml.safe_load(rules)
    if not isinstance(loaded, dict) or "groups" not in loaded:
        raise RulesError("this is no rule file: it has no groups")
    for group in loaded["groups"]:
        _scale_keys(group, ("interval",), scale)
        for rule in group["rules"]:
            _scale_keys(rule, ("for", "keep_firing_for"), scale)
            rule["expr"] = _scaled(_COMMENT.sub("", rule["expr"]), scale)
    return yaml.safe_dump(loaded, sort_keys=False, width=120)


def _scale_keys(entry: dict[str, Any], keys: tuple[str, ...], scale: float) -> None:
    for key in keys:
        if key in entry:
            entry[key] = scaled_duration(entry[key], scale)


def _scaled(promql: str, scale: float) -> str:
    ages = _AGE.sub(lambda found: f"{found[1]}{float(found[2]) / scale:g}", promql)
    return _IN_PROMQL.sub(lambda found: _scaled_match(found, scale), ages)


def _scaled_match(found: re.Match[str], scale: float) -> str:
    window, step, sign, offset = found.groups()
    if offset:
        return f"offset {sign}{scaled_duration(offset, scale)}"
    if ":" not in found[0]:
        return f"[{scaled_duration(window, scale)}]"
    return f"[{scaled_duration(window, scale)}:{scaled_duration(step, scale) if step else ''}]"


def recording_rules() -> str:
    """The text of ``rules.yml``."""
    expressions = read_expressions().values()
    usual = [one for one in expressions if duration_s(one.window) <= _LONG_WINDOW_S]
    long = [one for one in expressions if one not in usual]
    groups = [
        {"name": "memory-expressions", "rules": [_recorded(one) for one in usual]},
        {"name": "memory-expressions-long", "interval": "5m", "rules": [_recorded(one) for one in long]},
        {"name": "memory-budgets", "interval": "1m", "rules": [_budgeted(one) for one in read_budgets()]},
    ]
    return _HEADER + yaml.safe_dump({"groups": groups}, sort_keys=False, width=120)


def _recorded(expression: Expression) -> dict[str, Any]:
    return {"record": f"memory:{expression.name}", "expr": " ".join(expression.promql().split())}


def _budgeted(budget: Budget) -> dict[str, Any]:
    labels = {
        "item": budget.item,
        "stage": budget.stage,
        "expression": budget.expression.name,
        "is": budget.compared,
        "over": budget.over or "limit",
        "kind": budget.kind,
    }
    return {"record": "memory:budget", "expr": f"vector({budget.limit:g})", "labels": labels}


def main() -> None:
    """Write ``prometheus/rules.yml``."""
    path = Path(prometheus_folder() / "rules.yml")
    path.write_text(recording_rules(), encoding="utf-8")
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
