"""What only the checklist's PromQL says of a run: its scrapes go into a real Prometheus, which is asked."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from zepguard.load.samples import LoadRun
from zepguard.load.stages import Measure, Stage
from zepguard.load.verdicts import Figure, Unknown
from zepguard.parts import PartError
from zepguard.prometheus.answers import Asking, QueryRefused
from zepguard.prometheus.blocks import BlocksNotMade, make_blocks
from zepguard.prometheus.expressions import Expression, read_expressions
from zepguard.prometheus.server import Prometheus
from zepguard.stack.errors import StackError

__all__ = ["ASKED", "ask"]

_BEGAN = 1_767_600_000.0
"""Unix seconds at which a run begins for Prometheus, whenever it was: only differences are asked."""


def ask(run: LoadRun, stage: Stage) -> dict[Measure, Figure | Unknown]:
    """Ask for what the stage sets a limit on and ``expressions.toml`` measures. Call it in the main thread.

    Where that cannot be found out, for want of samples or of a Prometheus, it says so: nothing is raised.
    """
    wanted = [measure for measure in ASKED if stage.limit_on(measure) is not None]
    if not wanted:
        return {}
    if len(run.scrapes) < 2:
        return dict.fromkeys(wanted, Unknown("no samples: the metrics were not scraped at start and end"))
    try:
        with tempfile.TemporaryDirectory(prefix="zepguard-load-") as folder:
            return _asked(run, wanted, Path(folder))
    except (PartError, StackError, BlocksNotMade, QueryRefused) as error:
        return dict.fromkeys(wanted, Unknown(f"Prometheus could not be asked: {error}"))


def _asked(run: LoadRun, wanted: list[Measure], folder: Path) -> dict[Measure, Figure | Unknown]:
    metrics = folder / "metrics.openmetrics"
    metrics.write_text("\n".join(_openmetrics(run)) + "\n", encoding="utf-8")
    make_blocks(metrics, folder / "prometheus" / "data")
    with Prometheus.start(folder / "prometheus") as prometheus:
        seen = _Run(prometheus.ask, run)
        return {measure: ASKED[measure](seen) for measure in wanted}


def _openmetrics(run: LoadRun) -> Iterator[str]:
    """Each series' samples together, in time's order; one that was not there at first was at 0, if it counts."""
    for name in dict.fromkeys(name for scrape in run.scrapes for name in scrape.series):
        counts = name.partition("{")[0].endswith(("_total", "_bucket", "_count", "_sum"))
        for scrape in run.scrapes:
            value = scrape.series.get(name, 0.0 if counts else math.nan)
            if not math.isnan(value):
                yield f"{name} {value!r} {_BEGAN + scrape.at_s:.3f}"
    yield "# EOF"


class _Run:
    """Asks expressions over the time between the first scrape and the last."""

    def __init__(self, asking: Asking, run: LoadRun) -> None:
        self._asking = asking
        self._expressions: Mapping[str, Expression] = read_expressions()
        self._moments = [_BEGAN + one.at_s for one in run.scrapes]

    def over_all(self, name: str) -> tuple[str, dict[str, float]]:
        """What was asked, and the value over the whole time by the expression's one label."""
        expression = self._expressions[name]
        began, ended = self._moments[0], self._moments[-1]
        promql = expression.promql(f"{math.ceil((ended - began) * 1000)}ms")
        series = self._asking.instant(promql, at=ended)
        return promql, {"".join(one.labels.get(label, "") for label in expression.by): one.last for one in series}

    def at_each(self, name: str) -> tuple[str, list[float]]:
        """What was asked, and the value at each scrape that has one."""
        promql = self._expressions[name].promql()
        answers = [self._asking.instant(promql, at=at) for at in self._moments]
        return promql, [one.last for series in answers for one in series if not math.isnan(one.last)]


def _breaker_open(run: _Run) -> Figure | Unknown:
    promql, found = run.over_all("breaker_open_ratio")
    share = found.get("", math.nan)
    if math.isnan(share):
        return Unknown("no samples of open breakers", asked=promql)
    return Figure(value=share, says=f"a breaker was open for {share:.3f} of the run", asked=promql)


def _probes(run: _Run) -> Figure | Unknown:
    _, by_result = run.over_all("probes")
    promql, found = run.over_all("probe_success")
    sent = sum(value for value in by_result.values() if not math.isnan(value))
    share = found.get("", math.nan)
    if math.isnan(share) or sent <= 0:
        return Unknown("no samples: no probe was sent", asked=promql)
    return Figure(value=share, says=f"{share:.3f} of {sent:.0f} probes restored", samples=sent, asked=promql)


def _forced(run: _Run) -> Figure | Unknown:
    promql, values = run.at_each("mode_as_flags_say")
    if not values:
        return Unknown("no samples of the mode", asked=promql)
    forced = sum(value == 0 for value in values)
    return Figure(value=forced / len(values), says=f"forced in {forced} of {len(values)} scrapes", asked=promql)


ASKED: Mapping[Measure, Callable[[_Run], Figure | Unknown]] = {
    Measure.BREAKER_OPEN_SHARE: _breaker_open,
    Measure.PROBE_SUCCESS_RATE: _probes,
    Measure.FORCED_WRITE_ONLY: _forced,
}
"""Measures that stand in ``expressions.toml`` and that two scrapes alone do not give."""
