"""What ``zepguard defects`` leaves as evidence: the matrix, a scenario each, and whether the drills can fail."""

from __future__ import annotations

from collections.abc import Iterator

from zepguard.defects.matrix import Matrix, Tried
from zepguard.evidence import Evidence, Finding, Run, Scenario, Table, Verdict, now_text, product
from zepguard.evidence.model import Step
from zepguard.exit_codes import ExitCode

__all__ = ["evidence_of"]

_BY = "zepguard defects"
_WHERE = "defects"
_STATUS = {"caught": "passed", "escaped": "failed"}
_VERDICT = {ExitCode.GO: Verdict.GO, ExitCode.NO_GO: Verdict.NO_GO}


def evidence_of(matrix: Matrix, *, command: str, started: str) -> Evidence:
    """What the command writes; ``started`` is in ISO 8601.

    A defect that a gate has seen is a scenario that passed, one that escaped failed, and any other is void.
    """
    verdict = _VERDICT.get(matrix.exit_code, Verdict.INCONCLUSIVE)
    rows = [*matrix.tried, *([matrix.clean] if matrix.clean else [])]
    return Evidence(
        run=Run(
            command=command,
            world=_WHERE,
            time_scale=1,
            started=started,
            finished=now_text(),
            interrupted=matrix.interrupted,
        ),
        product=product(),
        scenarios=tuple(_scenario(one) for one in rows),
        findings=(Finding(stage="defects", verdict=verdict, why=tuple(_why(matrix)), by=_BY),),
        tables=tuple(_tables(matrix)),
    )


def _why(matrix: Matrix) -> Iterator[str]:
    statuses = [one.status for one in matrix.tried]
    counts = ", ".join(f"{statuses.count(status)} {status}" for status in dict.fromkeys(statuses)) or "none tried"
    yield f"{len(statuses)} defects: {counts}"
    if matrix.clean is None:
        yield "the tree without a defect was not asked"
    else:
        yield f"the tree without a defect: {matrix.clean.status}, {len(matrix.clean.outcomes)} gates"
    escaped = [one.name for one in matrix.tried if one.status == "escaped"]
    if escaped:
        yield f"escaped: {', '.join(escaped)}"


def _tables(matrix: Matrix) -> Iterator[Table]:
    rows = [
        (
            one.name,
            one.part,
            one.item,
            one.status,
            "; ".join(red.gate for red in one.red) or one.problem,
            f"{one.took_s:.0f}",
        )
        for one in matrix.tried
    ]
    columns = ("Defect", "Part", "Item", "Status", "Seen by", "Seconds")
    about = (
        "Each defect in a copy of the tree, and the gates that were red there. "
        f"{matrix.took_s:.0f} s in all, {matrix.cpu_s:.0f} s of processor time."
    )
    yield Table(title="Matrix", columns=columns, rows=tuple(rows), about=about)
    if matrix.all_gates and matrix.idle:
        asked = "no defect" if matrix.whole else "no defect first"
        yield Table(title=f"Gates that caught {asked}", columns=("Gate",), rows=tuple((one,) for one in matrix.idle))


def _scenario(tried: Tried) -> Scenario:
    status = ("passed" if tried.status == "passed" else "void") if not tried.name else _STATUS.get(tried.status, "void")
    odd = [f"{one.gate}: {one.status}, {one.problem}" for one in tried.outcomes if one.status not in ("passed", "red")]
    problem = tried.problem or (odd[0] if odd else f"{len(tried.outcomes)} gates passed, and none was red")
    step = Step(
        text="Then a gate is red" if tried.name else "Then every gate passes",
        status="passed" if status == "passed" else "failed",
        took_s=tried.took_s,
    )
    return Scenario.model_validate(
        {
            "feature": f"Defects in {tried.part}" if tried.name else "The tree without a defect",
            "name": tried.name or "every gate passes",
            "ids": (),
            "status": status,
            "where": _WHERE,
            "problem": "" if status == "passed" else f"{tried.status}: {problem}",
            "seen": (
                *([f"breaks: {tried.breaks}"] if tried.name and tried.breaks else []),
                *(f"{one.gate} is red: {one.problem}" for one in tried.red),
            ),
            "steps": (step,),
            "took_s": tried.took_s,
        }
    )
