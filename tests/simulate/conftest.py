import os
from collections.abc import Iterator

import pytest
import structlog

from guard import logs


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """What the product logs in its runs is not for whoever reads the tests' output."""
    logs.configure(os.devnull)
    yield
    structlog.reset_defaults()
