"""The checklist with what all runs together say of each item: the newest word of each world counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zepguard.drills.catalogue import catalogue
from zepguard.drills.checklist import Item, checklist
from zepguard.evidence.folder import PAGE, find_runs, read
from zepguard.evidence.judging import found_good, item_states, stage_verdicts
from zepguard.evidence.model import Evidence, Finding, ItemState, Product, Record, Run, StageVerdict, Status
from zepguard.evidence.suite import suite_results

__all__ = ["FilledIn", "Source", "fill_in", "markdown"]

_SIGN = {Status.PASSED: "✓", Status.FAILED: "✗"}
_TEXT = str.maketrans({one: f"\\{one}" for one in "\\`*_{}[]<>|~#"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where a word on an item comes from: a run's folder, and the run."""

    folder: Path
    run: Run
    product: Product


@dataclass(frozen=True, kw_only=True, slots=True)
class FilledIn:
    """Items and stages, and of each item and world (in this order) the run that was the last to tell of it.

    ``findings`` are the programs' last words on whole stages, ``runs`` all that anything here comes from, the oldest
    first.
    """

    items: tuple[ItemState, ...]
    stages: tuple[StageVerdict, ...]
    sources: Mapping[tuple[str, str], Source]
    findings: tuple[Finding, ...] = ()
    runs: tuple[Source, ...] = ()


def fill_in(reports: Path, items: Sequence[Item] | None = None) -> FilledIn:
    """Read all runs below a folder, and the JUnit files of the test suite there for the items that tests verify.

    Args:
        reports: the folder.
        items: of the checklist; all by default.

    Raises:
        NoEvidence: for a file that is none, naming it.
        ValueError: for a checklist that cannot be read.
    """
    items = checklist() if items is None else items
    runs = sorted(((folder, read(folder)) for folder in find_runs(reports)), key=lambda one: one[1].run.finished)
    evidence: list[Evidence] = [record for _, record in runs]
    evidence += suite_results(reports, items)
    states = item_states(items, evidence, scenarios=list(catalogue()))
    last = [run for number, run in enumerate(runs) if not _superseded(number, runs)]
    findings = tuple(one for _, record in last for one in record.findings)
    sources = dict(_sources(runs))
    return FilledIn(
        items=states,
        stages=stage_verdicts(states, findings),
        sources=sources,
        findings=findings,
        runs=tuple(_used(runs, sources.values(), [folder for folder, record in last if record.findings])),
    )


def _used(runs: Sequence[tuple[Path, Record]], sources: Iterable[Source], judging: Sequence[Path]) -> Iterator[Source]:
    telling = {one.folder for one in sources}
    for folder, record in runs:
        if folder in telling or folder in judging:
            yield Source(folder=folder, run=record.run, product=record.product)


def _superseded(number: int, runs: Sequence[tuple[Path, Record]]) -> bool:
    """Whether a later run judged the same stages by the same program: its findings count, not the former ones."""
    judged = {(one.by, one.stage) for one in runs[number][1].findings}
    later = {(one.by, one.stage) for _, record in runs[number + 1 :] for one in record.findings}
    return bool(judged) and judged <= later


def _sources(runs: Sequence[tuple[Path, Record]]) -> Iterator[tuple[tuple[str, str], Source]]:
    for folder, record in runs:
        for item in record.items:
            for world in item.where:
                yield (item.id, world), Source(folder=folder, run=record.run, product=record.product)


def markdown(filled: FilledIn, *, reports: Path, published: str = "") -> str:
    """The checklist as Markdown, for a pull request or a file.

    Args:
        filled: by ``fill_in``.
        reports: the folder that it was filled in from.
        published: the URL under which that folder can be read, if it can; else the pages are named by their path.
    """
    lines = ["# Go-live checklist, filled in", "", *_summary(filled), "", *_runs(filled, reports, published), ""]
    for stage in filled.stages:
        lines += [f"## {stage.stage}: {stage.verdict}", ""]
        lines += [f"{_safe(why)}  " for why in (*stage.why, *found_good(stage, filled.findings))] + [""]
        for item in filled.items:
            if item.stage == stage.stage:
                lines += _item(item, filled, reports, published)
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _summary(filled: FilledIn) -> list[str]:
    statuses = [one.status for one in filled.items]
    counts = ", ".join(f"{statuses.count(one)} {one}" for one in Status if one in statuses)
    return [
        f"{len(filled.items)} items: {counts}. A ticked item passed in each world in which it must hold; *partly* is",
        "passed, but not in each; what was not run is not passed.",
    ]


def _runs(filled: FilledIn, reports: Path, published: str) -> list[str]:
    if not filled.runs:
        return [f"No run was found in {reports}."]
    rows = [
        f"| {_page(one.folder, '', reports, published)} | `{one.run.command}` | {one.run.time_scale:g} "
        f"| {one.run.finished} | {one.product.version}, {one.product.commit[:12]}{_changed(one.product)} |"
        for one in filled.runs
    ]
    return ["| Evidence | Run | Time scale | Finished | Product |", "|---|---|---|---|---|", *rows]


def _changed(product: Product) -> str:
    return " and changes" if product.changed else ""


def _page(folder: Path, anchor: str, reports: Path, published: str) -> str:
    if not published:
        return f"`{(folder / PAGE).as_posix()}`"
    inside = folder.relative_to(reports) / PAGE
    return f"[{inside.parent.as_posix()}]({published.rstrip('/')}/{inside.as_posix()}{anchor})"


def _item(item: ItemState, filled: FilledIn, reports: Path, published: str) -> list[str]:
    tick = "x" if item.status is Status.PASSED else " "
    why = f" ({_safe(item.why)})" if item.why else ""
    sign = _SIGN.get(item.status, f"*{item.status}*")
    lines = [f"- [{tick}] {sign} **{item.id}**: {_safe(item.says)}{why}"]
    lines += [f"  - {_safe(text)}" for text in item.seen]
    found = [filled.sources[item.id, world] for world in item.where if (item.id, world) in filled.sources]
    pages = dict.fromkeys(_page(one.folder, f"#item-{item.id}", reports, published) for one in found)
    return lines + ([f"  - evidence: {', '.join(pages)}"] if published and pages else [])


def _safe(text: str) -> str:
    """On one line, and nothing in it markup."""
    return " ".join(text.split()).translate(_TEXT)
