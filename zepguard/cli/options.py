"""Options that several commands have, checked in one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from zepguard.stack.errors import StackInfoError
from zepguard.stack.info import StackInfo
from zepguard.time_scale import check_time_scale

__all__ = ["STACK_VARIABLE", "stack_option", "time_scale_option"]

F = TypeVar("F", bound=Callable[..., Any])

STACK_VARIABLE = "ZEPGUARD_STACK"


def _time_scale(context: click.Context, parameter: click.Parameter, value: float) -> float:
    try:
        return check_time_scale(value)
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from None


def _stack(context: click.Context, parameter: click.Parameter, value: str | None) -> StackInfo | None:
    if value is None:
        return None
    try:
        return StackInfo.from_file(value)
    except StackInfoError as error:
        raise click.BadParameter(str(error), context, parameter) from error


def time_scale_option(*, default: float) -> Callable[[F], F]:
    """Return the option ``--time-scale``."""
    return click.option(
        "--time-scale",
        type=float,
        default=default,
        show_default=True,
        metavar="N",
        callback=_time_scale,
        help="Divide holds and waits over ten seconds by N, to no less than five seconds; 1 is real time.",
    )


def stack_option(*, required: bool) -> Callable[[F], F]:
    """Return the option ``--stack``, which gives the command a ``StackInfo``."""
    return click.option(
        "--stack",
        metavar="FILE",
        required=required,
        envvar=STACK_VARIABLE,
        show_envvar=True,
        callback=_stack,
        help="A stack already running: a file with the line that `zepguard up --json` printed.",
    )
