"""Cucumber JSON, as the reporters of Cucumber's own formatter read it: features, elements, steps with results.

A void scenario has a last step that is ``pending``: no reporter counts that as passed. What JUnit XML has in suites of
its own are features here, of one step a scenario; of items that nobody ran, that step is ``skipped``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zepguard.evidence.junit import ITEMS_NOT_RUN, ITEMS_TOLD, STAGES_JUDGED
from zepguard.evidence.model import Record, Scenario, Status, Verdict

__all__ = ["cucumber"]

_NS = 1_000_000_000
_KEYWORD = re.compile(r"(Given|When|Then|And|But|\*) (.*)", re.DOTALL)


def cucumber(record: Record, *, places: Mapping[tuple[str, str], tuple[str, int]]) -> list[dict[str, Any]]:
    """The features of a run.

    Args:
        record: of the run.
        places: path and line of each scenario, by its feature and its name; an unknown one stands at line 1.
    """
    features = dict.fromkeys(one.feature for one in record.scenarios)
    found = [_feature(name, [one for one in record.scenarios if one.feature == name], places) for name in features]
    return [*found, *_told(record)]


_STATUS = {
    "passed": "passed",
    "failed": "failed",
    "void": "pending",
    Verdict.GO: "passed",
    Verdict.NO_GO: "failed",
    Verdict.INCONCLUSIVE: "pending",
    Status.NOT_RUN: "skipped",
    Status.NOT_BUILT: "skipped",
}


def _told(record: Record) -> Iterator[dict[str, Any]]:
    """What no scenario tells: name, status and words of each, in a feature a kind."""
    kinds: dict[str, list[tuple[str, str, str, str]]] = {
        ITEMS_TOLD: [(one.item, one.where, one.status, "; ".join(one.seen)) for one in record.results],
        STAGES_JUDGED: [(one.stage, one.by, one.verdict, "; ".join(one.why)) for one in record.findings],
        ITEMS_NOT_RUN: [
            (one.id, "", one.status, f"{one.status} {one.why}".strip())
            for one in record.items
            if one.status in (Status.NOT_RUN, Status.NOT_BUILT)
        ],
    }
    for feature, of in kinds.items():
        if of:
            elements = [_told_element(feature, *one, line=line) for line, one in enumerate(of, start=2)]
            yield _framed(feature, f"{_id(feature)}.feature", elements)


def _told_element(feature: str, name: str, where: str, status: str, says: str, *, line: int) -> dict[str, Any]:
    result: dict[str, Any] = {"status": _STATUS[status], "duration": 0}
    if result["status"] in ("failed", "pending"):
        result["error_message"] = says
    return {
        "id": ";".join(filter(None, (_id(feature), _id(name), _id(where)))),
        "keyword": "Scenario",
        "type": "scenario",
        "name": name,
        "description": says,
        "line": line,
        "tags": [],
        "steps": [_step(f"* {says or name}", line, result)],
    }


def _feature(
    name: str, scenarios: Sequence[Scenario], places: Mapping[tuple[str, str], tuple[str, int]]
) -> dict[str, Any]:
    uri, _ = places.get((name, scenarios[0].name), (f"{_id(name)}.feature", 1))
    return _framed(name, uri, [_element(name, one, places.get((name, one.name), ("", 1))[1]) for one in scenarios])


def _framed(name: str, uri: str, elements: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "uri": uri,
        "id": _id(name),
        "keyword": "Feature",
        "name": name,
        "description": "",
        "line": 1,
        "tags": [],
        "elements": elements,
    }


def _element(feature: str, scenario: Scenario, line: int) -> dict[str, Any]:
    return {
        "id": f"{_id(feature)};{_id(scenario.name)};{_id(scenario.where)}",
        "keyword": "Scenario",
        "type": "scenario",
        "name": scenario.name,
        "description": "",
        "line": line,
        "tags": [{"name": f"@{one}", "line": max(1, line - 1)} for one in scenario.ids],
        "steps": _steps(scenario, line),
    }


def _steps(scenario: Scenario, line: int) -> list[dict[str, Any]]:
    problem = scenario.problem
    steps = []
    for number, one in enumerate(scenario.steps, start=1):
        # The plugin calls a step failed also where the world did not do what it should.
        status = "pending" if one.status == "failed" and scenario.status == "void" else one.status
        result: dict[str, Any] = {"status": status, "duration": max(0, round(one.took_s * _NS))}
        if one.status == "failed":
            result["error_message"] = problem
        steps.append(_step(one.text, line + number, result))
    if scenario.status != "passed" and all(one.status == "passed" for one in scenario.steps):
        # What went wrong was no step: the world could not begin, or was not left as found.
        status = "pending" if scenario.status == "void" else "failed"
        result = {"status": status, "duration": 0, "error_message": problem}
        steps.append(_step("* the world is as it was before", line + len(steps) + 1, result))
    if steps and scenario.seen:
        steps[-1]["output"] = list(scenario.seen)
    return steps


def _step(text: str, line: int, result: dict[str, Any]) -> dict[str, Any]:
    found = _KEYWORD.fullmatch(text)
    keyword, name = (found[1], found[2]) if found else ("*", text)
    return {"keyword": f"{keyword} ", "name": name, "line": line, "match": {"location": ""}, "result": result}


def _id(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
