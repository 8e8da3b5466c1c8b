"""World sim with this team's settings: a hold of ten minutes after two failed reads."""

import pytest


@pytest.fixture(scope="module")
def drill_variables() -> dict[str, str]:
    """What our deployment sets."""
    return {"ZEPGUARD_HOLD_S": "600", "ZEPGUARD_FAILURE_THRESHOLD": "2"}
