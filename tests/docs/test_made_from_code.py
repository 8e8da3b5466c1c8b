"""Pages that are made from code say what the code says."""

from pathlib import Path

import pytest

from zepguard.cli.modes import modes_markdown
from zepguard.cli.settings import settings_markdown

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    ("page", "made"),
    [("settings.md", settings_markdown), ("modes.md", modes_markdown)],
)
def test_the_page_is_up_to_date(page: str, made) -> None:  # type: ignore[no-untyped-def]
    assert made() in (DOCS / page).read_text(encoding="utf-8"), f"make docs/{page} anew; CONTRIBUTING says how"
