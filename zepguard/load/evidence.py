"""What a load run leaves as evidence: limits with their figures, the stage's verdict, and the samples as pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import pairwise

from zepguard.drills.checklist import checklist
from zepguard.evidence import (
    Budget,
    Evidence,
    Finding,
    ItemResult,
    Lane,
    Mark,
    Panel,
    Run,
    Series,
    Table,
    Timeline,
    Verdict,
)
from zepguard.evidence.model import PanelKind, Product
from zepguard.evidence.thinning import thinned
from zepguard.load.percentile import nearest_rank
from zepguard.load.samples import LoadRun, ScrapeSample, TurnSample
from zepguard.load.schedule import Arm
from zepguard.load.verdicts import Judgement

__all__ = ["evidence_of"]

_BY = "zepguard load"
_WHERE = "stack"
_STATUS = {Verdict.GO: "passed", Verdict.NO_GO: "failed", Verdict.INCONCLUSIVE: "void"}
_WORST_FIRST = (Verdict.NO_GO, Verdict.INCONCLUSIVE, Verdict.GO)
_WORDS = {Arm.STAGE: "with memory", Arm.OFF: "without memory"}
_SHORT_S = 5.0
_PERCENTS = (50, 75, 90, 95, 99)
_BUCKET = re.compile(r'memory_zep_read_latency_seconds_bucket\{le="([^"]+)"\}')


def evidence_of(
    run: LoadRun, judgement: Judgement, *, command: str, product: Product, settings: Mapping[str, str]
) -> Evidence:
    """What ``zepguard load`` writes; its times are those of the samples, whenever they are judged.

    It tells of the checklist's items that must hold on a stack. Of the others, which ask for hours or days, its figures
    stand among the budgets alone.

    Args:
        run: the samples.
        judgement: of them.
        command: as it was called.
        product: what was tested.
        settings: the variables of the stack; none where samples are judged again.
    """
    lasts_s = max([0.0, *(one.done_s for one in run.turns), *(one.at_s for one in run.scrapes)])
    return Evidence(
        run=Run(
            command=command,
            world=_WHERE,
            time_scale=1,
            started=_moment(run.head.began_at),
            finished=_moment(run.head.began_at + lasts_s),
            interrupted=run.end is None or run.end.interrupted,
        ),
        product=product,
        settings=settings,
        results=tuple(_results(judgement)),
        findings=(
            Finding(
                stage=judgement.stage,
                verdict=Verdict(judgement.verdict),
                why=tuple(_why(judgement)),
                by=_BY,
            ),
        ),
        budgets=tuple(
            Budget(
                item=one.limit.item,
                limit=str(one.limit),
                verdict=Verdict(one.verdict),
                seen=one.seen,
                asked=one.asked,
            )
            for one in judgement.findings
        ),
        tables=tuple(_tables(run)),
        timelines=tuple(_timelines(run, lasts_s)),
        panels=tuple(_panels(run, lasts_s)),
    )


def _moment(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="seconds")


def _why(judgement: Judgement) -> Iterator[str]:
    """The doubts, else what the verdict hangs on; of a go, every figure."""
    yield from judgement.doubts
    if judgement.doubts:
        return
    for one in judgement.findings:
        if one.verdict == judgement.verdict:
            yield f"{one.limit.item}: {one.limit}: {one.seen}"


def _results(judgement: Judgement) -> Iterator[ItemResult]:
    on_a_stack = {item.id for item in checklist() if _WHERE in item.worlds}
    for item in dict.fromkeys(one.limit.item for one in judgement.findings):
        if item not in on_a_stack:
            continue
        of = [one for one in judgement.findings if one.limit.item == item]
        verdict = min((Verdict(one.verdict) for one in of), key=_WORST_FIRST.index)
        verdict = Verdict.INCONCLUSIVE if judgement.doubts else verdict
        seen = [f"{one.limit}: {one.seen}" for one in of]
        yield ItemResult.model_validate(
            {
                "item": item,
                "status": _STATUS[verdict],
                "where": _WHERE,
                "by": f"{_BY} {judgement.stage}",
                "seen": [*seen, *(f"doubt: {doubt}" for doubt in judgement.doubts)],
            }
        )


def _judged(run: LoadRun, arm: Arm) -> list[TurnSample]:
    return [one for one in run.turns if one.arm is arm and one.due_s >= run.head.warm_up_s]


# --- figures ---


def _tables(run: LoadRun) -> Iterator[Table]:
    head = run.head
    rows = [_percentiles(_WORDS[arm], _judged(run, arm)) for arm in (Arm.STAGE, Arm.OFF)]
    yield Table(
        title="Time to first token",
        columns=("Threads", "Turns", "Failed", *(f"p{percent}" for percent in _PERCENTS), "Slowest"),
        rows=tuple(rows),
        about=f"Milliseconds from when a turn was due, after the first {head.warm_up_s:g} s. {head.users} persons, "
        f"{head.rate_per_s:g} turns a second for {head.duration_s:g} s, seed {head.seed}.",
    )
    if buckets := _reads(run):
        whole = buckets[-1][1]
        below = [0.0, *(reads for _, reads in buckets)]
        told = [
            (f"{edge_ms:g}", f"{reads:.0f}", f"{reads / whole:.1%}")
            for (edge_ms, reads), before in zip(buckets, below, strict=False)
            if reads > before
        ]
        yield Table(
            title="Reads sent to Zep",
            columns=("Up to ms", "Reads", "Share"),
            rows=tuple(told),
            about="The guard's own histogram, from the first scrape to the last; the edges at which a read is counted.",
        )


def _percentiles(name: str, turns: list[TurnSample]) -> tuple[str, ...]:
    values = [one.ttfb_ms for one in turns if one.ttfb_ms is not None]
    found = [nearest_rank(values, percent) for percent in _PERCENTS] + [max(values)] if values else []
    failed = sum(bool(one.error) for one in turns)
    shown = [f"{one:.0f}" for one in found] or ["none"] * (len(_PERCENTS) + 1)
    return (name, str(len(turns)), str(failed), *shown)


def _reads(run: LoadRun) -> list[tuple[float, float]]:
    """Edges in milliseconds, and reads at or below each, over the whole run; none without a read."""
    if len(run.scrapes) < 2:
        return []
    buckets = _between(run.scrapes[0], run.scrapes[-1])
    return buckets if buckets and buckets[-1][1] > 0 else []


def _between(first: ScrapeSample, last: ScrapeSample) -> list[tuple[float, float]]:
    found = ((name, _BUCKET.fullmatch(name)) for name in last.series)
    risen = ((float(match[1]) * 1000, last.series[name] - first.series.get(name, 0)) for name, match in found if match)
    return sorted(risen)


# --- pictures ---


def _timelines(run: LoadRun, lasts_s: float) -> Iterator[Timeline]:
    began = run.head.began_at
    for arm in (Arm.STAGE, Arm.OFF):
        marks = [
            Mark(
                at=began + one.due_s,
                lane=Lane.LATENCY,
                label=f"turn, {one.error}" if one.error else "turn",
                value=(one.ttfb_ms if one.ttfb_ms is not None else (one.done_s - one.due_s) * 1000) / 1000,
            )
            for one in run.turns
            if one.arm is arm
        ]
        marks = thinned(marks)
        if arm is Arm.STAGE:
            marks += _modes(run)
        title = f"Time to first token {_WORDS[arm]}"
        yield Timeline(
            title=title, began=min(began, *(one.at for one in marks), began), ended=began + lasts_s, marks=tuple(marks)
        )


def _modes(run: LoadRun) -> list[Mark]:
    """Where the mode that the product said a turn was answered in has changed."""
    marks: list[Mark] = []
    for one in sorted(run.turns, key=lambda turn: turn.done_s):
        if one.arm is Arm.STAGE and one.mode and (not marks or marks[-1].label != one.mode):
            marks.append(Mark(at=run.head.began_at + one.done_s, lane=Lane.MODE, label=one.mode))
    return marks


def _panels(run: LoadRun, lasts_s: float) -> Iterator[Panel]:
    began = run.head.began_at
    series = tuple(Series(name=_WORDS[arm], points=tuple(_p95s(run, arm))) for arm in (Arm.STAGE, Arm.OFF))
    yield Panel(
        title="Time to first token, p95",
        kind=PanelKind.TIMESERIES,
        unit="s",
        began=began,
        ended=began + lasts_s,
        about="Of each ten seconds.",
        series=series,
    )
    points = tuple(
        (began + late.at_s, _mean_s(early, late))
        for early, late in pairwise(run.scrapes)
        if late.at_s - early.at_s > _SHORT_S  # the last one comes when the run ends, and not when it is due
    )
    yield Panel(
        title="Read latency, mean",
        kind=PanelKind.TIMESERIES,
        unit="s",
        began=began,
        ended=began + lasts_s,
        about="Reads sent to Zep, between two scrapes.",
        series=(Series(name="reads", points=points),) if any(value is not None for _, value in points) else (),
    )


def _p95s(run: LoadRun, arm: Arm) -> Iterator[tuple[float, float | None]]:
    tens: dict[int, list[float]] = {}
    for one in _judged(run, arm):
        if one.ttfb_ms is not None:
            tens.setdefault(int(one.due_s // 10), []).append(one.ttfb_ms)
    for number in sorted(tens):
        yield run.head.began_at + 10 * number + 5, nearest_rank(tens[number], 95) / 1000


def _mean_s(early: ScrapeSample, late: ScrapeSample) -> float | None:
    name = "memory_zep_read_latency_seconds"
    reads = late.series.get(f"{name}_count", 0) - early.series.get(f"{name}_count", 0)
    spent = late.series.get(f"{name}_sum", 0) - early.series.get(f"{name}_sum", 0)
    return spent / reads if reads > 0 else None
