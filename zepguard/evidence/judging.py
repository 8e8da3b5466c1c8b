"""What the evidence of one or more runs says of each item and each stage. Pure.

Not run is not passed. An item passes when all that was told of it passed, in each world in which the checklist wants
it; a stage is a go when each of its items passed and no program found otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from zepguard.drills.catalogue import CataloguedScenario
from zepguard.drills.checklist import Item
from zepguard.drills.where import runs_in
from zepguard.evidence.model import Evidence, Finding, ItemState, StageVerdict, Status, Verdict

__all__ = ["found_good", "item_states", "stage_verdicts"]

_WORST_FIRST = (Status.FAILED, Status.VOID, Status.PARTLY, Status.PASSED)
_UNDECIDED = (Status.VOID, Status.PARTLY, Status.NOT_RUN, Status.NOT_BUILT)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Told:
    """One thing that was told of an item."""

    status: Status
    where: str
    by: str
    seen: tuple[str, ...]


def item_states(
    items: Iterable[Item], evidence: Sequence[Evidence], *, scenarios: Sequence[CataloguedScenario]
) -> tuple[ItemState, ...]:
    """Judge each item.

    Args:
        items: of the checklist.
        evidence: of the runs, the oldest first: a later run's word on an item replaces an earlier one's of the same
            world.
        scenarios: of all feature files. One that verifies an item and was not run where it should have been leaves
            that item partly run.
    """
    return tuple(_state(item, evidence, [one for one in scenarios if item.id in one.ids]) for item in items)


def _state(item: Item, evidence: Sequence[Evidence], scenarios: Sequence[CataloguedScenario]) -> ItemState:
    told = _last_of_each_world(item.id, evidence, scenarios)
    where = {world: _worst(one.status for one in of) for world, of in told.items()}
    status, why = _status(item, where)
    return ItemState(
        id=item.id,
        stage=item.stage,
        says=item.says,
        status=status,
        worlds=item.worlds,
        where=where,
        seen=tuple(dict.fromkeys(f"{world}: {text}" for world, of in told.items() for one in of for text in one.seen)),
        by=tuple(dict.fromkeys([*(one.name for one in scenarios), *(one.by for of in told.values() for one in of)])),
        why=why,
    )


def _last_of_each_world(
    item: str, evidence: Sequence[Evidence], scenarios: Sequence[CataloguedScenario]
) -> Mapping[str, tuple[_Told, ...]]:
    found: dict[str, tuple[_Told, ...]] = {}
    for one in evidence:
        for world, told in _told_in(item, one, scenarios).items():
            found[world] = told
    return found


def _told_in(item: str, evidence: Evidence, scenarios: Sequence[CataloguedScenario]) -> Mapping[str, tuple[_Told, ...]]:
    found: dict[str, list[_Told]] = {}
    for scenario in evidence.scenarios:
        if item in scenario.ids:
            problem = scenario.problem.partition("\n")[0]
            seen = (problem, *scenario.seen) if problem else scenario.seen
            found.setdefault(scenario.where, []).append(
                _Told(status=Status(scenario.status), where=scenario.where, by=scenario.name, seen=seen)
            )
    for world, of in found.items():
        due = {one.name for one in scenarios if runs_in(world, one.ids, only=one.only)}
        if missing := sorted(due - {one.by for one in of}):
            seen = (f"not run: {'; '.join(missing)}",)
            of.append(_Told(status=Status.PARTLY, where=world, by=missing[0], seen=seen))
    for result in evidence.results:
        if result.item == item:
            told = _Told(status=Status(result.status), where=result.where, by=result.by, seen=result.seen)
            found.setdefault(result.where, []).append(told)
    return {world: tuple(of) for world, of in found.items()}


def _worst(statuses: Iterable[Status]) -> Status:
    return min(statuses, key=_WORST_FIRST.index)


def _status(item: Item, where: Mapping[str, Status]) -> tuple[Status, str]:
    if item.built_by:
        return Status.NOT_BUILT, f"comes with: {item.built_by}"
    if not where:
        return Status.NOT_RUN, f"verified by {item.verified_by}" if item.verified_by else ""
    worst = _worst(where.values())
    needed = [world for world in item.worlds if world not in where]
    if worst is Status.PASSED and needed:
        return Status.PARTLY, f"not run in {', '.join(needed)}"
    return worst, "not all scenarios run" if worst is Status.PARTLY else ""


def stage_verdicts(items: Sequence[ItemState], findings: Sequence[Finding] = ()) -> tuple[StageVerdict, ...]:
    """Judge each stage, in the order in which the items name them; then those that findings alone name.

    Args:
        items: all of the checklist.
        findings: what programs said of whole stages; a no go or a doubt of theirs stands beside the items'.
    """
    stages = dict.fromkeys([*(one.stage for one in items), *(one.stage for one in findings)])
    return tuple(_verdict(stage, items, [one for one in findings if one.stage == stage]) for stage in stages)


def _verdict(stage: str, items: Sequence[ItemState], findings: Sequence[Finding]) -> StageVerdict:
    of = [one for one in items if one.stage == stage]
    failed = _named(of, (Status.FAILED,)) + _said(findings, Verdict.NO_GO)
    undecided = _named(of, _UNDECIDED) + _said(findings, Verdict.INCONCLUSIVE)
    if failed:
        return StageVerdict(stage=stage, verdict=Verdict.NO_GO, why=(*failed, *undecided))
    if undecided:
        return StageVerdict(stage=stage, verdict=Verdict.INCONCLUSIVE, why=tuple(undecided))
    passed = [f"all {len(of)} items passed"] if of else []
    return StageVerdict(stage=stage, verdict=Verdict.GO, why=(*passed, *_said(findings, Verdict.GO)))


def found_good(stage: StageVerdict, findings: Sequence[Finding]) -> list[str]:
    """What programs found good of a stage that is no go as a whole, and so does not say it itself."""
    if stage.verdict is Verdict.GO:
        return []
    good = [one for one in findings if one.stage == stage.stage and one.verdict is Verdict.GO]
    return [f"{one.by}: go: {'; '.join(one.why)}" for one in good]


def _named(items: Sequence[ItemState], statuses: Sequence[Status]) -> list[str]:
    """One line a status, and of what is partly run one a missing world."""
    lines: dict[str, list[str]] = {}
    for status in statuses:
        for one in items:
            if one.status is status:
                head = f"partly, {one.why}" if status is Status.PARTLY else str(status)
                lines.setdefault(head, []).append(one.id)
    return [f"{head}: {', '.join(ids)}" for head, ids in lines.items()]


def _said(findings: Sequence[Finding], verdict: Verdict) -> list[str]:
    return [f"{one.by}: {why}" for one in findings if one.verdict is verdict for why in one.why or (str(verdict),)]
