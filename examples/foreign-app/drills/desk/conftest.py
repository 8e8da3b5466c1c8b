"""The desk's drills run in the desk's own world."""

import pytest
from desk_world import DeskWorld


@pytest.fixture
def drill_world() -> DeskWorld:
    """A new desk for each scenario."""
    return DeskWorld()
