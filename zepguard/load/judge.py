"""The first judge: samples and a stage in, a judgement out. Pure, so that another can take its place.

It compares figures with limits and knows no confidence interval: what lies near a limit may fall on either side in the
next run. Its rules:

- A p95 is the exact nearest rank of raw samples, from the moment that a turn was *due*: a turn that had to wait since
  the one before was slow has waited. A turn without a token is slower than any other.
- The baseline is the arm without memory in the same run, on the same machine.
- Read latency is the guard's own histogram, by the difference of two scrapes: a client cannot see a single read, and
  the checklist's expression asks this histogram. The p95 is known between two edges, so a limit at an edge is decided
  exactly; a value at the edge counts as below it, as in Prometheus.
- What stands in ``prometheus/expressions.toml`` and needs more than two scrapes is asked of a Prometheus before
  (``asking.py``); the answers come in as figures.
- Nothing is concluded from fewer than ``SAMPLES_MIN`` samples, nor from a generator that was behind its schedule, nor
  from a baseline that could not keep to it: then the product is swamped, and the difference of the arms is chance.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping

from zepguard.load.percentile import nearest_rank, rank_of
from zepguard.load.samples import LoadRun, ScrapeSample, TurnSample
from zepguard.load.schedule import Arm
from zepguard.load.stages import Bound, Limit, Measure, Stage
from zepguard.load.verdicts import Figure, Finding, Judgement, Unknown, Verdict

__all__ = ["EXCESS_MIN", "SAMPLES_MIN", "judge"]

SAMPLES_MIN = 60
"""Fewer leave less than three samples above a p95: one stray turn would decide."""

EXCESS_MIN = 5
"""Errors over the limit that it takes for a no go; fewer may be chance, and are inconclusive."""

_SENT_SHARE_MIN = 0.95
_LAG_SHARE = 0.5
_LAG_DEFAULT_MS = 50.0
_TINY = 1e-9
_BUCKET = re.compile(r'memory_zep_read_latency_seconds_bucket\{le="([^"]+)"\}')


def judge(run: LoadRun, stage: Stage, asked: Mapping[Measure, Figure | Unknown] | None = None) -> Judgement:
    """Judge a run by the limits of a stage; it may be another stage of the same mode than the run was made for.

    Args:
        run: the samples.
        stage: with the limits.
        asked: what a Prometheus said of the run's scrapes (``zepguard.load.asking``); a measure that only it knows is
            inconclusive without it.
    """
    facts = _Facts(run, asked or {})
    return Judgement(
        stage=stage.name,
        findings=tuple(_finding(facts, limit) for limit in stage.limits),
        doubts=tuple(_doubts(facts, stage)),
    )


class _Facts:
    """What a run tells: turns after the warm-up by arm, and what the product counted meanwhile."""

    def __init__(self, run: LoadRun, asked: Mapping[Measure, Figure | Unknown]) -> None:
        self.run = run
        self.asked = asked
        self.turns = [turn for turn in run.turns if turn.due_s >= run.head.warm_up_s]
        self._first, self._last = _outer(run.scrapes)

    def arm(self, arm: Arm) -> list[TurnSample]:
        return [turn for turn in self.turns if turn.arm is arm]

    @property
    def counted_s(self) -> float:
        """Seconds between the scrapes."""
        return self._last.at_s - self._first.at_s

    def risen(self, family: str) -> float:
        """By how much a counter has risen, summed over its labels.

        Raises:
            _Unknown: it is not there, or has gone back.
        """
        names = [name for name in self._last.series if name.partition("{")[0] == family]
        if not names:
            raise _Unknown(f"the product does not export {family}")
        return sum(map(self._risen, names))

    def read_buckets(self) -> list[tuple[float, float]]:
        """Edges in milliseconds, and reads at or below each, in order."""
        found = ((name, _BUCKET.fullmatch(name)) for name in self._last.series)
        return sorted((float(match[1]) * 1000, self._risen(name)) for name, match in found if match)

    def _risen(self, name: str) -> float:
        # A series that was not there at first was at 0.
        risen = self._last.series[name] - self._first.series.get(name, 0.0)
        if risen < 0:
            raise _Unknown(f"{name} has gone back: a program lost its counts")
        return risen


def _outer(scrapes: tuple[ScrapeSample, ...]) -> tuple[ScrapeSample, ScrapeSample]:
    nothing = ScrapeSample(at_s=0, series={})
    return (scrapes[0], scrapes[-1]) if scrapes else (nothing, nothing)


class _Unknown(Exception):
    """The samples do not tell; the text says why."""


# --- doubts ---


def _doubts(facts: _Facts, stage: Stage) -> Iterator[str]:
    head, end = facts.run.head, facts.run.end
    if end is None or end.interrupted:
        yield "the run did not come to its end: run it again"
    if len(facts.run.scrapes) < 2:
        yield "the metrics were not scraped at start and end: is the product's /api/metrics/ up?"
    if head.mode != stage.mode:
        yield f"the run was made in {head.mode} and the stage is {stage.mode}: run it for this stage"
    yield from _behind(facts, stage)
    yield from _misrouted(facts, stage)


def _behind(facts: _Facts, stage: Stage) -> Iterator[str]:
    end = facts.run.end
    if end is not None and len(facts.run.turns) < _SENT_SHARE_MIN * end.due:
        yield (
            f"the generator was behind its schedule: {len(facts.run.turns)} of {end.due} turns were sent; "
            "give more --users or a lower --rate"
        )
    allowed_ms = _lag_allowed_ms(stage)
    lag_ms = nearest_rank([turn.lag_ms for turn in facts.turns], 95) if facts.turns else 0.0
    if lag_ms > allowed_ms:
        yield (
            f"the generator was behind its schedule: p95 {lag_ms:.0f} ms late by itself, {allowed_ms:g} allowed; "
            "give a lower --rate or a quieter machine"
        )
    waited = [(turn.sent_s - turn.due_s) * 1000 for turn in facts.arm(Arm.OFF)]
    late_ms = nearest_rank(waited, 95) if waited else 0.0
    if late_ms > allowed_ms:
        yield (
            f"the schedule could not be kept even without memory: p95 {late_ms:.0f} ms late, {allowed_ms:g} allowed; "
            "give a lower --rate, more --users or a quieter machine"
        )


def _lag_allowed_ms(stage: Stage) -> float:
    """Half of what the stage allows between the arms: a generator that is later makes the difference itself."""
    limit = stage.limit_on(Measure.TTFB_P95_DELTA_MS)
    return _LAG_DEFAULT_MS if limit is None else limit.number * _LAG_SHARE


def _misrouted(facts: _Facts, stage: Stage) -> Iterator[str]:
    remembered = {turn.mode for turn in facts.arm(Arm.OFF)} - {"off", ""}
    if remembered:
        yield f"threads of the baseline were answered in {', '.join(sorted(remembered))}: memory was not off for them"
    modes = {turn.mode for turn in facts.arm(Arm.STAGE)} - {stage.mode, ""}
    if modes and not _is_a_broken_limit(facts, stage):
        yield f"threads of the stage were answered in {', '.join(sorted(modes))}, not in {stage.mode}"


def _is_a_broken_limit(facts: _Facts, stage: Stage) -> bool:
    """Whether the mode changed by a downgrade that the stage forbids: a no go, and nothing to doubt."""
    limit = stage.limit_on(Measure.DOWNGRADES)
    return limit is not None and _finding(facts, limit).verdict is Verdict.NO_GO


# --- findings ---


def _finding(facts: _Facts, limit: Limit) -> Finding:
    measured = _MEASURED.get(limit.measure)
    if measured is None:
        return _asked(limit, facts.asked.get(limit.measure, Unknown("no Prometheus was asked")))
    try:
        verdict, seen = measured(facts, limit)
    except _Unknown as unknown:
        return Finding(limit=limit, verdict=Verdict.INCONCLUSIVE, seen=str(unknown))
    return Finding(limit=limit, verdict=verdict, seen=seen)


def _asked(limit: Limit, found: Figure | Unknown) -> Finding:
    if isinstance(found, Unknown):
        return Finding(limit=limit, verdict=Verdict.INCONCLUSIVE, seen=found.why, asked=found.asked)
    verdict, seen = _against(limit, found)
    return Finding(limit=limit, verdict=verdict, seen=seen, asked=found.asked)


Measured = Callable[[_Facts, Limit], tuple[Verdict, str]]


def _compared(figure: Callable[[_Facts], Figure]) -> Measured:
    """Compares one figure with the limit, if there are samples enough."""

    def measured(facts: _Facts, limit: Limit) -> tuple[Verdict, str]:
        return _against(limit, figure(facts))

    return measured


def _against(limit: Limit, seen: Figure) -> tuple[Verdict, str]:
    if seen.samples is not None and seen.samples < SAMPLES_MIN:
        return Verdict.INCONCLUSIVE, f"{seen.says}; too few, {SAMPLES_MIN} are needed"
    return (Verdict.GO if limit.holds(seen.value) else Verdict.NO_GO), seen.says


def _share(part: float, whole: float, says: str) -> Figure:
    if whole <= 0:
        return Figure(value=math.nan, says=f"none of {says}", samples=0)
    return Figure(value=part / whole, says=f"{part / whole:.3f} of {whole:.0f} {says}", samples=whole)


def _cache(facts: _Facts) -> Figure:
    hits = facts.risen("memory_zep_context_cache_hits_total")
    return _share(hits, hits + facts.risen("memory_zep_read_requests_total"), "cache hits and reads sent")


def _writes(facts: _Facts) -> Figure:
    sent = facts.risen("memory_zep_write_requests_total")
    return _share(sent - facts.risen("memory_zep_write_failures_total"), sent, "writes sent")


def _failures(facts: _Facts) -> Figure:
    sent = facts.risen("memory_zep_read_requests_total")
    return _share(facts.risen("memory_zep_context_failures_total"), sent, "reads sent")


def _failures_per_s(facts: _Facts) -> Figure:
    if facts.counted_s <= 0:
        raise _Unknown("no time passed between the scrapes")
    rate = facts.risen("memory_zep_context_failures_total") / facts.counted_s
    return Figure(value=rate, says=f"{rate:.2f} a second in {facts.counted_s:.0f} s")


def _counted(family: str) -> Callable[[_Facts], Figure]:
    def counted(facts: _Facts) -> Figure:
        risen = facts.risen(family)
        return Figure(value=risen, says=f"{risen:.0f} in {facts.counted_s:.0f} s")

    return counted


def _ttfb(facts: _Facts, limit: Limit) -> tuple[Verdict, str]:
    values = {arm: [math.inf if t.ttfb_ms is None else t.ttfb_ms for t in facts.arm(arm)] for arm in Arm}
    fewest = min(map(len, values.values()))
    if fewest < SAMPLES_MIN:
        return Verdict.INCONCLUSIVE, f"{fewest} turns in one arm; too few, {SAMPLES_MIN} are needed"
    stage, off = nearest_rank(values[Arm.STAGE], 95), nearest_rank(values[Arm.OFF], 95)
    if math.isinf(off):
        return Verdict.INCONCLUSIVE, "more than a twentieth of the turns without memory got no token: no baseline"
    delta = stage - off
    counts = f"n {len(values[Arm.STAGE])} and {len(values[Arm.OFF])}"
    says = f"{delta:+.0f} ms: p95 {stage:.0f} ms with memory, {off:.0f} ms without ({counts})"
    return (Verdict.GO if limit.holds(delta) else Verdict.NO_GO), says


def _errors(facts: _Facts, limit: Limit) -> tuple[Verdict, str]:
    sent = {arm: len(facts.arm(arm)) for arm in Arm}
    failed = {arm: sum(bool(turn.error) for turn in facts.arm(arm)) for arm in Arm}
    says = ", ".join(f"{failed[arm]} of {sent[arm]} {words}" for arm, words in _ARM_WORDS.items())
    if min(sent.values()) < SAMPLES_MIN:
        return Verdict.INCONCLUSIVE, f"{says}; too few, {SAMPLES_MIN} turns are needed in each arm"
    if failed[Arm.STAGE] == failed[Arm.OFF] == 0:
        return Verdict.GO, says
    allowed = limit.number * failed[Arm.OFF] / sent[Arm.OFF] * sent[Arm.STAGE]
    excess = failed[Arm.STAGE] - allowed
    if excess < -_TINY or (limit.bound is Bound.AT_MOST and excess <= _TINY):
        return Verdict.GO, says
    if excess < EXCESS_MIN:
        return Verdict.INCONCLUSIVE, f"{says}; too few errors to tell"
    return Verdict.NO_GO, says


_ARM_WORDS = {Arm.STAGE: "turns failed with memory", Arm.OFF: "without"}


def _read_p95(facts: _Facts, limit: Limit) -> tuple[Verdict, str]:
    buckets = facts.read_buckets()
    count = int(buckets[-1][1]) if buckets else 0
    if count < SAMPLES_MIN:
        return Verdict.INCONCLUSIVE, f"{count} reads sent to Zep; too few, {SAMPLES_MIN} are needed"
    rank = rank_of(count, 95)
    place = next(index for index, (_, reads) in enumerate(buckets) if reads >= rank)
    over_ms, up_to_ms = (buckets[place - 1][0] if place else 0.0), buckets[place][0]
    says = f"p95 over {over_ms:g}, up to {up_to_ms:g} ms of {count} reads sent to Zep"
    if up_to_ms <= limit.number:
        return Verdict.GO, says
    if over_ms >= limit.number:
        return Verdict.NO_GO, says
    return Verdict.INCONCLUSIVE, f"{says}; the histogram has no edge at {limit.number:g} ms"


_MEASURED: dict[Measure, Measured] = {
    Measure.READ_P95_MS: _read_p95,
    Measure.TTFB_P95_DELTA_MS: _ttfb,
    Measure.ERROR_RATE_RATIO: _errors,
    Measure.CACHE_HIT_RATE: _compared(_cache),
    Measure.DOWNGRADES: _compared(_counted("memory_zep_downgrades_total")),
    Measure.CIRCUIT_OPENS: _compared(_counted("circuit_open_total")),
    Measure.WRITE_SUCCESS_RATE: _compared(_writes),
    Measure.CONTEXT_FAILURE_RATE: _compared(_failures),
    Measure.CONTEXT_FAILURES_PER_S: _compared(_failures_per_s),
}
