"""What a soak leaves as evidence: items with their figures, the stage's verdict, a timeline and the dashboard."""

from __future__ import annotations

from collections.abc import Iterator

from zepguard.evidence import (
    Budget,
    Evidence,
    Finding,
    ItemResult,
    Lane,
    LogLine,
    Mark,
    Run,
    Table,
    Timeline,
    Verdict,
    now_text,
    product,
)
from zepguard.evidence.thinning import thinned
from zepguard.evidence.watching import marks_of_log
from zepguard.prometheus.budgets import read_budgets
from zepguard.prometheus.verdict import Verdict as Met
from zepguard.soak.judge import ItemFinding
from zepguard.soak.scenarios import Scenario
from zepguard.soak.session import Judged
from zepguard.soak.story import Story

__all__ = ["evidence_of"]

_VERDICT = {Met.MET: Verdict.GO, Met.MISSED: Verdict.NO_GO, Met.INCONCLUSIVE: Verdict.INCONCLUSIVE}
_STATUS = {Verdict.GO: "passed", Verdict.NO_GO: "failed", Verdict.INCONCLUSIVE: "void"}
_WHERE = "sim"


def evidence_of(judged: Judged, checklist: Scenario, *, command: str, started: str) -> Evidence:
    """What ``zepguard soak`` writes.

    An item is passed only by a soak that lasted as long as the checklist asks; a shorter one leaves it void, and can
    still have it fail.

    Args:
        judged: the soak.
        checklist: its scenario as the checklist has it.
        command: as it was called.
        started: when, ISO 8601.
    """
    story, scenario = judged.story, judged.soak.scenario
    by = f"zepguard soak {scenario.name}"
    finding = Finding(stage=scenario.stage, verdict=_VERDICT[judged.verdict], why=(judged.why,), by=by)
    return Evidence(
        run=Run(command=command, world=_WHERE, time_scale=1, started=started, finished=now_text()),
        product=product(),
        settings=story.variables,
        results=tuple(_result(one, story, checklist, by) for one in judged.findings),
        findings=(finding,),
        budgets=tuple(_budgets(judged)),
        tables=(_what_happened(judged),),
        timelines=(_timeline(judged),),
        panels=judged.panels,
    )


def _result(finding: ItemFinding, story: Story, checklist: Scenario, by: str) -> ItemResult:
    verdict, hours = _VERDICT[finding.verdict], story.lasts_s / 3600
    seen = [finding.why]
    if hours < checklist.hours:
        seen.append(f"{hours:g} h were run, and the checklist asks for {checklist.hours:g} h")
        verdict = Verdict.INCONCLUSIVE if verdict is Verdict.GO else verdict
    return ItemResult.model_validate(
        {"item": finding.item, "status": _STATUS[verdict], "where": _WHERE, "by": by, "seen": seen}
    )


def _budgets(judged: Judged) -> Iterator[Budget]:
    known = {one.item: one for one in read_budgets()}
    for one in judged.findings:
        budget = known.get(one.item)
        limit = (
            ""
            if budget is None
            else (f"{budget.expression.name} over {budget.window} {budget.compared} {budget.limit:g}")
        )
        yield Budget(item=one.item, limit=limit, verdict=_VERDICT[one.verdict], seen=one.why, asked=one.promql)


def _what_happened(judged: Judged) -> Table:
    story, soak = judged.story, judged.soak
    bad = sum(not one.good for one in story.answers)
    rows = (
        ("virtual hours", f"{story.lasts_s / 3600:g}"),
        ("seed", str(soak.seed)),
        ("noise", f"{soak.noise.write_failures:.2%} of writes, {soak.noise.read_failures:.2%} of reads answered 503"),
        ("messages", str(len(story.messages))),
        ("undelivered at the end", str(story.undelivered)),
        ("requests that reached Zep", f"{len(story.answers)}, of which {bad} were not served well"),
        ("incidents of Zep", f"{len(story.troubles)}, of which its journal shows {len(story.real_troubles())}"),
        ("real seconds", ", ".join(f"{name} {seconds:.0f}" for name, seconds in judged.took_s.items())),
    )
    return Table(title="What was run", columns=("What", "Figure"), rows=rows)


def _timeline(judged: Judged) -> Timeline:
    story, mode = judged.story, judged.soak.scenario.mode
    marks = [
        Mark(at=story.began, lane=Lane.MODE, label=mode),
        *marks_of_log(_log(story), base=mode),
        *(
            Mark(at=one.began, lane=Lane.FAULT, label=one.kind, of="incidents", until=one.ended)
            for one in story.troubles
        ),
        *(Mark(at=at, lane=Lane.NOTE, label="deploy") for at in story.deploys),
        *thinned(list(_answers(story))),
    ]
    title = f"{judged.soak.scenario.name}: of Zep's answers, the slowest of each stretch"
    return Timeline(title=title, began=story.began, ended=story.ended, marks=tuple(marks))


def _log(story: Story) -> Iterator[LogLine]:
    for one in story.log:
        details = {"reason": one.reason, "mode": one.mode, "operation": one.operation}
        yield LogLine(at=one.at, event=one.event, details=details)


def _answers(story: Story) -> Iterator[Mark]:
    for one in story.answers:
        label = "answer of Zep" if one.good else "answer of Zep, bad"
        yield Mark(at=one.at, lane=Lane.LATENCY, label=label, value=one.took_s)
