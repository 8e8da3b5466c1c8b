"""A running stack with memory for half of its threads, in the stage's mode, for a while."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from zepguard.load.errors import StackUnfit
from zepguard.load.schedule import SHARE
from zepguard.load.stages import Stage
from zepguard.stack.control import StackControl
from zepguard.stack.env_file import edit_env_file, read_env_file
from zepguard.stack.errors import StackError
from zepguard.stack.info import StackInfo
from zepguard.stack.plan import flags_of
from zepguard.stack.programs import WORKERS

__all__ = ["both_arms", "serve_both_arms"]


_READY_WITHIN_S = 60.0
"""As patient as a start: a machine that is asked to bear load may have other work."""


@contextmanager
def both_arms(info: StackInfo, stage: Stage) -> Iterator[None]:
    """Restart the workers so that they serve both arms, and put all back on the way out.

    Nothing is done where the stack's variables say so already: who started us has seen to it.

    Raises:
        StackUnfit: the stack is gone, or its workers do not come up.
    """
    wanted = _wanted(stage)
    with _told_as_unfit():
        variables = read_env_file(info.env_file)
    before = {name: variables.get(name) for name in wanted}
    try:
        with _told_as_unfit():
            _set(info, wanted)
        yield
    finally:
        # Also when Ctrl-C comes while the workers restart.
        with _told_as_unfit():
            _set(info, before)


def serve_both_arms(info: StackInfo, stage: Stage) -> None:
    """Do so for good, on a stack that ends with the run.

    Raises:
        StackUnfit: the stack is gone, or its workers do not come up.
    """
    with _told_as_unfit():
        _set(info, _wanted(stage))


def _wanted(stage: Stage) -> dict[str, str | None]:
    return {**flags_of(stage.mode), "CHATAPP_MEMORY_SHARE": f"{SHARE:g}"}


def _set(info: StackInfo, wanted: Mapping[str, str | None]) -> None:
    """Set variables and restart the workers, if the variables are not so already."""
    now = read_env_file(info.env_file)
    changes = {name: value for name, value in wanted.items() if now.get(name) != value}
    if changes:
        edit_env_file(info.env_file, changes)
        StackControl(info).restart(*WORKERS, within_s=_READY_WITHIN_S)


@contextmanager
def _told_as_unfit() -> Iterator[None]:
    try:
        yield
    except StackError as error:
        raise StackUnfit(f"the stack cannot be set up for the run: {error}") from error
