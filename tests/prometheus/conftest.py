"""Real Prometheus, promtool, Alertmanager and amtool, or a test that says which of them to install."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from zepguard.parts.prometheus import Tool, find_tool


@pytest.fixture
def tool() -> Callable[[Tool], Path]:
    def found(wanted: Tool) -> Path:
        part = find_tool(wanted)
        if part is None:
            pytest.skip(f"{wanted.name} is not here: {wanted.remedy}")
        return part.path

    return found
