"""Short soaks, run in this process and judged by a real Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from guard.service import MemoryService
from zepguard.parts.prometheus import PROMETHEUS, PROMTOOL, find_tool
from zepguard.soak.run import Soak
from zepguard.soak.scenarios import Scenario
from zepguard.soak.session import Judged, hold

Held = Callable[..., Judged]


@pytest.fixture
def held(tmp_path: Path) -> Held:
    """Runs a scenario, which is taken for the checklist's own, and judges it."""
    for tool in (PROMETHEUS, PROMTOOL):
        if find_tool(tool) is None:
            pytest.skip(f"{tool.name} is not here: {tool.remedy}")

    def run(
        scenario: Scenario, *, meanwhile: Mapping[float, Callable[[MemoryService], None]] | None = None, **more: Any
    ) -> Judged:
        return hold(Soak(scenario=scenario, **more), scenario, tmp_path, meanwhile=meanwhile)

    return run
