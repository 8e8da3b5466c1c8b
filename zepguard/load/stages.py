"""``loadtests/stages.toml``: the stages of the checklist and the numbers that they set."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from zepguard.drills.checklist import checklist
from zepguard.load.errors import StagesRefused
from zepguard.load.toml_lines import KeyLines
from zepguard.stack.plan import MODES, Mode

__all__ = ["Bound", "Limit", "Measure", "Stage", "load_stages", "loadtests_folder"]


class Measure(StrEnum):
    """What the checklist sets numbers on; ``_ms`` are milliseconds, rates and shares are 0 to 1."""

    READ_P95_MS = "read_p95_ms"
    TTFB_P95_DELTA_MS = "ttfb_p95_delta_ms"
    ERROR_RATE_RATIO = "error_rate_ratio"
    CACHE_HIT_RATE = "cache_hit_rate"
    DOWNGRADES = "downgrades"
    CIRCUIT_OPENS = "circuit_opens"
    WRITE_SUCCESS_RATE = "write_success_rate"
    CONTEXT_FAILURE_RATE = "context_failure_rate"
    CONTEXT_FAILURES_PER_S = "context_failures_per_s"
    FORCED_WRITE_ONLY = "forced_write_only"
    BREAKER_OPEN_SHARE = "breaker_open_share"
    PROBE_SUCCESS_RATE = "probe_success_rate"


_OF_ONE = (
    Measure.CACHE_HIT_RATE,
    Measure.WRITE_SUCCESS_RATE,
    Measure.CONTEXT_FAILURE_RATE,
    Measure.FORCED_WRITE_ONLY,
    Measure.BREAKER_OPEN_SHARE,
    Measure.PROBE_SUCCESS_RATE,
)
"""Measures that are never over 1."""


class Bound(StrEnum):
    """On which side of the number a value must be."""

    BELOW = "below"
    AT_MOST = "at_most"
    ABOVE = "above"


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """One number of the checklist.

    Attributes:
        item: whose number it is, an id of ``features/checklist.yaml``.
        measure: what it is set on.
        bound: the side to stay on.
        number: in the measure's unit.
        for_min: minutes that it must be broken before it counts; None if the checklist names none.
    """

    item: str
    measure: Measure
    bound: Bound
    number: float
    for_min: float | None = None

    def holds(self, value: float) -> bool:
        """Whether a value keeps to it."""
        match self.bound:
            case Bound.BELOW:
                return value < self.number
            case Bound.AT_MOST:
                return value <= self.number
            case Bound.ABOVE:
                return value > self.number

    def __str__(self) -> str:
        return f"{self.measure} {self.bound.replace('_', ' ')} {self.number:g}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """A stage of the checklist.

    Attributes:
        name: as in ``features/checklist.yaml``.
        says: what the checklist calls it.
        mode: the base mode that its workers run with.
        share: of threads that are in it, 0 to 1; None if the checklist names none.
        lasts_h: hours, least and most; None if the checklist names none.
        limits: its numbers.
    """

    name: str
    says: str
    mode: Mode
    limits: tuple[Limit, ...]
    share: float | None = None
    lasts_h: tuple[float, float] | None = None

    def limit_on(self, measure: Measure) -> Limit | None:
        """The stage's first limit on a measure."""
        return next((one for one in self.limits if one.measure is measure), None)


def loadtests_folder() -> Path:
    """The folder of stages and locustfile: beside the package in a checkout, inside it in an installed wheel.

    Raises:
        FileNotFoundError: naming where was looked.
    """
    package = Path(__file__).resolve().parents[1]
    places = [package / "loadtests", package.parent / "loadtests"]
    for place in places:
        if (place / "stages.toml").exists():
            return place
    raise FileNotFoundError(f"no stages.toml in {' nor '.join(map(str, places))}: install zepguard again")


def load_stages(path: Path | None = None) -> dict[str, Stage]:
    """Read the stages by name, in the file's order.

    Args:
        path: by default ``loadtests/stages.toml``.

    Raises:
        StagesRefused: naming file, line, key, value and remedy.
    """
    path = path or loadtests_folder() / "stages.toml"
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except OSError as error:
        raise StagesRefused(f"{path} cannot be read ({error.strerror}): give a file of stages") from error
    except ValueError as error:  # tomllib names the line; also what is no UTF-8
        raise StagesRefused(f"{path} is no TOML: {error}; correct that line") from error
    return _Reading(path, KeyLines(text)).stages(table)


_STAGE_KEYS = ("says", "mode", "share", "lasts_h", "limits")
_LIMIT_KEYS = ("measure", *Bound, "for_min", "same_as")


class _Reading:
    """Checks what stands in the file, each key by its place."""

    def __init__(self, path: Path, lines: KeyLines) -> None:
        self._path = path
        self._lines = lines

    def stages(self, table: Mapping[str, Any]) -> dict[str, Stage]:
        stages = {name: self._stage(name, told) for name, told in table.items()}
        if not stages:
            raise self._refused((), "there is no stage; write a table such as [canary]")
        own = {limit.item: limit for stage in stages.values() for limit in stage.limits}
        for name, stage in stages.items():
            borrowed = tuple(self._borrowed(name, table[name].get("limits", {}), own))
            stages[name] = replace(stage, limits=stage.limits + borrowed)
            if not stages[name].limits:
                raise self._refused((name,), f"the stage has no limits; write [{name}.limits.ITEM]")
        return stages

    def _stage(self, name: str, told: object) -> Stage:
        known = dict.fromkeys(item.stage for item in checklist())
        if name not in known:
            raise self._refused((name,), f"the checklist has no stage {name!r}{_meant(name, list(known))}")
        fields = self._table((name,), told, _STAGE_KEYS)
        share = self._number((name, "share"), fields["share"]) if "share" in fields else None
        if share is not None and not 0 < share <= 1:
            raise self._refused((name, "share"), f"{share:g} is no share; write a number over 0, up to 1")
        limits = fields.get("limits", {})
        if not isinstance(limits, dict):
            raise self._refused((name, "limits"), f"{limits!r} is no table; write [{name}.limits.ITEM]")
        return Stage(
            name=name,
            says=self._text((name, "says"), fields),
            mode=self._mode((name, "mode"), fields),
            share=share,
            lasts_h=self._hours((name, "lasts_h"), fields),
            limits=tuple(
                limit
                for item, inner in limits.items()
                if (limit := self._limit((name, "limits", item), item, inner)) is not None
            ),
        )

    def _limit(self, at: tuple[str, ...], item: str, told: object) -> Limit | None:
        """One limit; None where ``same_as`` names those of other items."""
        fields = self._table(at, told, _LIMIT_KEYS)
        known = [one.id for one in checklist() if one.stage == at[0]]
        if item not in known:
            raise self._refused(at, f"the checklist has no item {item!r} in stage {at[0]}{_meant(item, known)}")
        if "same_as" in fields:
            if len(fields) > 1:
                raise self._refused((*at, "same_as"), "other keys stand beside it; write same_as alone")
            return None
        bounds = [bound for bound in Bound if bound in fields]
        if len(bounds) != 1:
            found = " and ".join(bounds) or "no bound"
            raise self._refused(at, f"there is {found}; write exactly one of {', '.join(Bound)}")
        word = self._text((*at, "measure"), fields)
        if word not in list(Measure):
            raise self._refused((*at, "measure"), f"{word!r} is no measure{_meant(word, list(Measure))}")
        for_min = self._number((*at, "for_min"), fields["for_min"]) if "for_min" in fields else None
        if for_min is not None and for_min <= 0:
            raise self._refused((*at, "for_min"), f"{for_min:g} is no time; write minutes, more than 0")
        measure, number = Measure(word), self._number((*at, bounds[0]), fields[bounds[0]])
        if measure in _OF_ONE and number > 1:
            raise self._refused((*at, bounds[0]), f"{number:g} is no share of {measure}; write a number up to 1")
        return Limit(item=item, measure=measure, bound=bounds[0], number=number, for_min=for_min)

    def _borrowed(self, name: str, limits: Mapping[str, Any], own: Mapping[str, Limit]) -> Iterator[Limit]:
        for item, fields in limits.items():
            if "same_as" not in fields:
                continue
            at = (name, "limits", item, "same_as")
            others = fields["same_as"]
            if not isinstance(others, list) or not others or not all(isinstance(one, str) for one in others):
                raise self._refused(at, f'{others!r} is refused; write a list of items, such as ["canary-ttfb"]')
            for other in others:
                if other not in own:
                    raise self._refused(at, f"no item {other!r} has a number of its own{_meant(other, list(own))}")
                yield replace(own[other], item=item)

    def _table(self, at: tuple[str, ...], told: object, known: Sequence[str]) -> dict[str, Any]:
        if not isinstance(told, dict):
            raise self._refused(at, f"{told!r} is no table; write [{'.'.join(at)}]")
        for key in told:
            if key not in known:
                raise self._refused((*at, key), f"there is no such key{_meant(key, known)}")
        return told

    def _text(self, at: tuple[str, ...], fields: Mapping[str, Any]) -> str:
        value = fields.get(at[-1])
        if not isinstance(value, str) or not value.strip():
            raise self._refused(at, "it is missing; write a text" if value is None else f"{value!r} is no text")
        return value

    def _mode(self, at: tuple[str, ...], fields: Mapping[str, Any]) -> Mode:
        word = self._text(at, fields)
        for mode in MODES:
            if word == mode:
                return mode
        raise self._refused(at, f"{word!r} is no mode; write one of {', '.join(MODES)}")

    def _number(self, at: tuple[str, ...], value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            raise self._refused(at, f"{value!r} is refused; write a number, 0 or more")
        return float(value)

    def _hours(self, at: tuple[str, ...], fields: Mapping[str, Any]) -> tuple[float, float] | None:
        if "lasts_h" not in fields:
            return None
        value = fields["lasts_h"]
        if not isinstance(value, list) or len(value) != 2:
            raise self._refused(at, f"{value!r} is refused; write hours, least and most, such as [72, 120]")
        least, most = (self._number(at, one) for one in value)
        if not 0 < least <= most:
            raise self._refused(at, f"{value!r} is refused; write least before most, over 0")
        return least, most

    def _refused(self, at: tuple[str, ...], why: str) -> StagesRefused:
        key = f", key {'.'.join(at)}" if at else ""
        return StagesRefused(f"{self._path}, line {self._lines.of(*at)}{key}: {why}.")


def _meant(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(known)}"
