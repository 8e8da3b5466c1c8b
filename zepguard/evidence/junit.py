"""JUnit XML: a suite a feature, a case a scenario; a suite each for what programs told of items and of stages.

Void is an ``error``, not a skip: a reader must not take it for passed. Items that nobody ran are skipped cases.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree

from zepguard.evidence.model import Record, Status, Verdict

__all__ = ["ITEMS_NOT_RUN", "ITEMS_TOLD", "STAGES_JUDGED", "junit"]

ITEMS_TOLD = "items told by other programs"
STAGES_JUDGED = "stages judged by programs"
ITEMS_NOT_RUN = "items of the checklist that were not run"

_ASCII_CONTROLS = {code: "\N{REPLACEMENT CHARACTER}" for code in range(32) if chr(code) not in "\t\n\r"}
_NOT_RUN = (Status.NOT_RUN, Status.NOT_BUILT)
_TAG = {"failed": "failure", "void": "error", Verdict.NO_GO: "failure", Verdict.INCONCLUSIVE: "error"}


def junit(record: Record) -> str:
    """The XML of a run."""
    suites = ElementTree.Element("testsuites", name="zepguard")
    features = dict.fromkeys(one.feature for one in record.scenarios)
    for feature in features:
        cases = (
            _case(f"{one.where}.{feature}", one.name, one.status, one.problem, one.seen, one.took_s)
            for one in record.scenarios
            if one.feature == feature
        )
        _suite(suites, feature, cases)
    told = [
        _case(f"{one.where}.{one.by}", one.item, one.status, "; ".join(one.seen), one.seen) for one in record.results
    ]
    if told:
        _suite(suites, ITEMS_TOLD, told)
    judged = [_case(one.by, one.stage, one.verdict, "; ".join(one.why), one.why) for one in record.findings]
    if judged:
        _suite(suites, STAGES_JUDGED, judged)
    not_run = [_skipped(one.id, f"{one.status} {one.why}".strip()) for one in record.items if one.status in _NOT_RUN]
    if not_run:
        _suite(suites, ITEMS_NOT_RUN, not_run)
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


def _suite(suites: ElementTree.Element, name: str, cases: Iterable[ElementTree.Element]) -> None:
    suite = ElementTree.SubElement(suites, "testsuite", name=_clean(name))
    suite.extend(cases)
    counted = {"tests": len(suite), "failures": _having(suite, "failure"), "errors": _having(suite, "error")}
    for key, number in {**counted, "skipped": _having(suite, "skipped")}.items():
        suite.set(key, str(number))
    suite.set("time", f"{sum(float(case.get('time', 0)) for case in suite):.3f}")


def _having(suite: ElementTree.Element, tag: str) -> int:
    return sum(case.find(tag) is not None for case in suite)


def _case(
    classname: str, name: str, status: str, problem: str, seen: Iterable[str], took_s: float = 0.0
) -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname=_clean(classname), name=_clean(name), time=f"{took_s:.3f}")
    if status in _TAG:
        first = problem.partition("\n")[0]
        ElementTree.SubElement(case, _TAG[status], message=_clean(first), type=status).text = _clean(problem)
    if told := "\n".join(seen):
        ElementTree.SubElement(case, "system-out").text = _clean(told)
    return case


def _skipped(item: str, why: str) -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname="checklist", name=_clean(item), time="0.000")
    ElementTree.SubElement(case, "skipped", message=_clean(why))
    return case


def _clean(text: str) -> str:
    """XML 1.0 has no place for control characters or halves of surrogate pairs."""
    return text.translate(_ASCII_CONTROLS).encode("utf-8", "replace").decode("utf-8")
