"""For all tests: one Django, and the profile with which properties are run at night (``tox run -e nightly``).

Django takes its settings once a process, so tests of the guard, the chat app and the worlds share these, in any order.
"""

import os

from hypothesis import HealthCheck, settings

os.environ.update(
    {
        "DJANGO_SETTINGS_MODULE": "chatapp.settings",
        "CHATAPP_SECRET_KEY": "a secret of the tests, as long as Django wants it",
        "CHATAPP_JWT_SECRET": "another secret of the tests, long enough for HS256",
        "CELERY_BROKER_URL": "redis+socket:///nowhere/valkey.sock",
        "DATABASE_URL": os.environ.get("TEST_DATABASE_URL", "sqlite:///unused.sqlite3"),
    }
)

settings.register_profile(
    "nightly", max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)


def pytest_collection_finish() -> None:
    """Load the profile that ``HYPOTHESIS_PROFILE`` names, after the folders' own ``conftest.py`` have had their say."""
    name = os.environ.get("HYPOTHESIS_PROFILE", "")
    if name:
        settings.load_profile(name)
