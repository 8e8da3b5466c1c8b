"""The one line; pytest wants it in the ``conftest.py`` at the project's root."""

pytest_plugins = ["zepguard.drills.pytest_plugin"]
