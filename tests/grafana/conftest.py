"""What the checklist says that the dashboard shows in write-only, for whichever product is asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import pytest

Shows = Mapping[str, Sequence[float]]


def is_nan(values: Sequence[float]) -> bool:
    return len(values) == 1 and math.isnan(values[0])


@pytest.fixture(scope="session")
def as_the_checklist_says() -> Callable[[Shows], None]:
    """Compares the nine panels' last values, by title, with the checklist's list (pre-deployment, step 4)."""

    def compare(shows: Shows) -> None:
        assert shows["Memory Mode (Current)"] == [1]  # mapped to WRITE_ONLY
        assert shows["Downgrade Events"] == []
        assert is_nan(shows["Read Health"])  # mapped to N/A
        assert shows["Context Failures"] == []
        assert set(shows["PII Redactions"]) == {0}
        assert is_nan(shows["Cache Hit Rate"])
        assert shows["Write Health"][0] > 0.99
        assert shows["Circuit Breaker Opens"] == [0]
        reads, writes = shows["Read/Write Request Rate"]
        assert reads == 0
        assert writes > 0

    return compare
