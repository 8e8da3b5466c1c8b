"""Drills for an app of your own: one line in the ``conftest.py`` at your project's root.

    pytest_plugins = ["zepguard.drills.pytest_plugin"]

Your feature files may then use every phrase of ``zepguard steps``. They run in ``world``, which is world sim until you
override one of these fixtures (``docs/writing-drills.md``):

``drill_variables``  environment variables with which world sim runs, such as ``{"ZEPGUARD_HOLD_S": "600"}``
``drill_world``      a ``World`` made for your app

Nothing here is needed by ``zepguard drill``, which has a plugin of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest

from zepguard.drills.checklist import checklist
from zepguard.worlds.world import World

__all__ = ["drill_variables", "drill_world", "world"]

# Those that steps.py imports come first: what is imported already has its assertions as they are.
pytest_plugins = [
    "zepguard.drills.soak_steps",
    "zepguard.drills.page_steps",
    "zepguard.drills.alert_steps",
    "zepguard.drills.late_steps",
    "zepguard.drills.outbox_steps",
    "zepguard.drills.guard_steps",
    "zepguard.drills.steps",
]


@pytest.fixture(scope="module")
def drill_variables() -> Mapping[str, str]:
    """The variables that your product runs with; override it to try your own settings in world sim."""
    return {}


@pytest.fixture(scope="module")
def drill_world(drill_variables: Mapping[str, str]) -> Iterator[World]:
    """The world of a module's scenarios: the reference app in virtual time; override it for your own app."""
    from zepguard.worlds.sim import SimWorld

    with closing(SimWorld()) as sim:
        if drill_variables:
            sim.set_variables(drill_variables)
            sim.restart_worker()
        yield sim


@pytest.fixture
def world(drill_world: World, request: pytest.FixtureRequest) -> Iterator[World]:
    """The world for one scenario, which leaves it as found; what was seen stands in the JUnit XML."""
    drill_world.begin(request.node.name)
    yield drill_world
    # Not by ``record_property``: it warns under pytest's default form of the XML.
    request.node.user_properties.extend(("seen", evidence) for evidence in getattr(drill_world, "evidence", ()))
    drill_world.end()


def pytest_configure(config: pytest.Config) -> None:
    """Know the mark."""
    config.addinivalue_line("markers", "checklist(id): the item of the go-live checklist that this verifies")


def pytest_bdd_apply_tag(tag: str, function: Callable[..., Any]) -> bool | None:
    """Keep a tag that is a checklist id as ``checklist(id)``; every other tag is the team's own mark."""
    if all(item.id != tag for item in checklist()):
        return None
    pytest.mark.checklist(tag)(function)
    return True
