"""The real stack: the chat app, its workers, the fake Zep, Toxiproxy and two stores, under one supervisor.

The contents, from the outside in:

    stack.py               one stack: start, stop
    info.py                the description of a running stack, as ``zepguard up --json`` prints it
    control.py             acts on a running stack: restart, kill, flip flags
    bring_up.py            the start in its order, and what went wrong
    readiness.py           whether a program is ready
    plan.py, ports.py      what a stack will be: addresses, keys, environment
    programs.py            the table of programs, and the supervisor's configuration
    layout.py              the run folder
    supervisor_client.py   the supervisor's own API, with time limits
    processes.py           processes told apart from others that got their pid
    launch.py              starts one program with what the env file says now
    env_file.py            the env file
    environment.py         what a program may inherit
    lifeline.py            a process that cannot outlive its parent
    errors.py              the error tree

Everything is imported at its first use: ``launch`` lives here too, and runs before each program.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zepguard.stack.control import StackControl
    from zepguard.stack.env_file import edit_env_file, read_env_file, write_env_file
    from zepguard.stack.errors import StackError
    from zepguard.stack.info import StackInfo
    from zepguard.stack.stack import Stack

__all__ = ["Stack", "StackControl", "StackError", "StackInfo", "edit_env_file", "read_env_file", "write_env_file"]

_HOME = {
    "Stack": "stack",
    "StackControl": "control",
    "StackError": "errors",
    "StackInfo": "info",
    "edit_env_file": "env_file",
    "read_env_file": "env_file",
    "write_env_file": "env_file",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
