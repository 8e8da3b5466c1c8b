"""Each file and each test that docs/correctness.md names is there; no promise stands without both."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "correctness.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| Promise")
]


def missing(reference: str) -> str | None:
    """Why a reference leads nowhere, if it does."""
    path, _, test = reference.partition("::")
    file = ROOT / path
    if not file.is_file():
        return f"{path} is not there"
    if test and not re.search(rf"^(async )?def {re.escape(test)}\(", file.read_text(encoding="utf-8"), re.MULTILINE):
        return f"{path} has no {test}"
    return None


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:60])
def test_a_promise_has_its_file_and_its_test(row: list[str]) -> None:
    assert len(row) == 3
    _, kept_by, would_fail = row
    files, tests = re.findall(r"`([^`]+)`", kept_by), re.findall(r"`([^`]+)`", would_fail)
    assert files, "nothing keeps it"
    assert tests, "nothing would fail"
    assert all("::" in test for test in tests)
    assert [why for why in map(missing, [*files, *tests]) if why] == []


def test_what_the_text_names_is_there_too() -> None:
    named = re.findall(r"`((?:tests|guard)/[^`]+)`", PAGE)
    assert [why for why in map(missing, named) if why] == []
    assert len(ROWS) > 30


def test_a_name_that_leads_nowhere_is_told() -> None:
    assert missing("guard/nowhere.py") == "guard/nowhere.py is not there"
    here = "tests/proof/test_correctness_page.py"
    assert missing(f"{here}::test_that_is_not_there") == f"{here} has no test_that_is_not_there"
    assert missing(f"{here}::test_a_name_that_leads_nowhere_is_told") is None
