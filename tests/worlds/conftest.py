"""The world of virtual time, opened for a test and closed after it."""

from collections.abc import Iterator

import pytest

from zepguard.worlds.sim import SimWorld


@pytest.fixture
def world() -> Iterator[SimWorld]:
    sim = SimWorld()
    try:
        sim.begin("a test")
        yield sim
    finally:
        sim.close()
