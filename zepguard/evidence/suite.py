"""What the test suite's JUnit XML says of the items that a test verifies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

from zepguard.drills.checklist import Item
from zepguard.evidence.model import Evidence, ItemResult, Product, Run

__all__ = ["suite_results"]

_BAD = ("failure", "error")


def suite_results(reports: Path, items: Sequence[Item]) -> list[Evidence]:
    """Look for the tests of ``verified_by`` in the ``junit.xml`` files below a folder; the oldest file comes first.

    A file that is no XML, and one without such a test, tells nothing.
    """
    verified = [item for item in items if item.verified_by]
    files = sorted(reports.rglob("junit.xml"), key=lambda file: file.stat().st_mtime_ns)
    found = ((file, tuple(_results(file, verified))) for file in files)
    return [_evidence(file, results) for file, results in found if results]


def _evidence(file: Path, results: tuple[ItemResult, ...]) -> Evidence:
    finished = datetime.fromtimestamp(file.stat().st_mtime, UTC).isoformat(timespec="seconds")
    run = Run(command="pytest", world="tests", time_scale=1, started=finished, finished=finished)
    return Evidence(run=run, product=Product(version="unknown"), results=results)


def _results(file: Path, items: Sequence[Item]) -> Iterator[ItemResult]:
    try:
        cases = list(ElementTree.parse(file).getroot().iter("testcase"))
    except (ElementTree.ParseError, OSError):
        return
    for item in items:
        module = item.verified_by.removesuffix(".py").replace("/", ".")
        of = [case for case in cases if f"{case.get('classname', '')}.".startswith(f"{module}.")]
        if of:
            yield _result(item, of)


def _result(item: Item, cases: Sequence[ElementTree.Element]) -> ItemResult:
    bad = sum(any(case.find(tag) is not None for tag in _BAD) for case in cases)
    skipped = sum(case.find("skipped") is not None for case in cases)
    passed = len(cases) - bad - skipped
    seen = f"{passed} of {len(cases)} tests passed" + (f", {skipped} skipped" if skipped else "")
    status = "failed" if bad else "passed" if passed else "void"
    return ItemResult.model_validate(
        {"item": item.id, "status": status, "where": "tests", "by": item.verified_by, "seen": (seen,)}
    )
