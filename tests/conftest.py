"""For all tests: the profile with which properties are run at night (``tox run -e nightly``)."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "nightly", max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)


def pytest_collection_finish() -> None:
    """Load the profile that ``HYPOTHESIS_PROFILE`` names, after the folders' own ``conftest.py`` have had their say."""
    name = os.environ.get("HYPOTHESIS_PROFILE", "")
    if name:
        settings.load_profile(name)
