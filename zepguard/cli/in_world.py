"""The worlds of ``zepguard drill``, opened and closed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from zepguard.cli.failures import failing_as
from zepguard.exit_codes import ExitCode

if TYPE_CHECKING:
    from zepguard.evidence import Panel
    from zepguard.stack.info import StackInfo
    from zepguard.worlds.staging import StagingConfig
    from zepguard.worlds.world import World

__all__ = ["InWorld", "in_world"]


def _no_panels() -> tuple[Panel, ...]:
    return ()


@dataclass(frozen=True, kw_only=True)
class InWorld:
    """An open world, what it divides waits by, its clock, its secrets, and the dashboard's panels so far."""

    world: World
    time_scale: float
    now: Callable[[], float] = time.time
    secrets: tuple[str, ...] = ()
    panels: Callable[[], tuple[Panel, ...]] = _no_panels


@contextlib.contextmanager
def in_world(
    name: str,
    *,
    stack: StackInfo | None,
    time_scale: float,
    staging: StagingConfig | None,
    progress: Callable[[str], None],
) -> Iterator[InWorld]:
    """Open the world of that name; a stack of our own is started with ``time_scale`` where none is given.

    Raises:
        Failure: it cannot be opened.
    """
    if staging is not None:
        from zepguard.worlds.staging import StagingWorld

        with contextlib.closing(StagingWorld(staging, progress=progress)) as deployed:
            yield InWorld(world=deployed, time_scale=staging.time_scale, secrets=staging.secrets)
        return
    if name == "sim":
        if stack is not None:
            raise click.UsageError("--stack names a running stack, and the world sim has none: leave one of them out")
        from zepguard.worlds.sim import SimWorld

        with contextlib.closing(SimWorld()) as sim:
            yield InWorld(world=sim, time_scale=1.0, now=sim.now)
        return
    from zepguard.evidence.scraping import panels_of
    from zepguard.worlds.stack import StackWorld

    with (
        _running(stack, time_scale, progress) as info,
        contextlib.closing(StackWorld(info, progress=progress)) as world,
        panels_of(info.metrics_url) as panels,
    ):
        secrets = (info.zep_api_key, info.fakezep_admin_key, info.jwt, info.jwt_secret)
        yield InWorld(world=world, time_scale=info.time_scale, secrets=secrets, panels=panels)


@contextlib.contextmanager
def _running(stack: StackInfo | None, time_scale: float, progress: Callable[[str], None]) -> Iterator[StackInfo]:
    """The stack that was named, or one of our own."""
    if stack is not None:
        yield stack
        return
    from zepguard.parts import PartError
    from zepguard.stack.errors import StackError
    from zepguard.stack.stack import Stack

    with failing_as(ExitCode.ENVIRONMENT, StackError, PartError):
        own = Stack.start(time_scale=time_scale, on_progress=progress)
    with own as info:
        yield info
