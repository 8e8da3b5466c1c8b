"""Start one program of the stack with what the env file says *now*.

    python -P -m zepguard.stack.launch ENV_FILE PROGRAM -- ARGV...

A child of supervisord has supervisord's environment: an ``export`` in a shell and a restart change nothing. This
wrapper reads the env file at each start, so an edit there takes effect on ``supervisorctl restart PROGRAM``, keeps
out what a caller's shell has set (a stray FLAG_ZEP_READ), keeps keys out of any argv, ties the program to its
supervisor, and then becomes the program. ``manage`` is no program but a command that somebody waits for: it is not
tied. This module runs before every program, so it imports little.
"""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from zepguard.stack.env_file import read_env_file
from zepguard.stack.environment import clean_environment
from zepguard.stack.errors import EnvFileError
from zepguard.stack.lifeline import PARENT, become, tie_to_parent

__all__ = ["MANAGE", "launch"]

MANAGE = "manage"


def launch(arguments: list[str]) -> NoReturn:
    """Become the program named in the arguments; exit 2 for bad ones, 5 when the env file cannot be read."""
    env_file, program, dashes, *command = [*arguments, "", "", ""] if len(arguments) < 3 else arguments
    if dashes != "--" or not command:
        sys.stderr.write("usage: python -m zepguard.stack.launch ENV_FILE PROGRAM -- ARGV...\n")
        sys.exit(2)
    environ = clean_environment(os.environ)
    try:
        environ.update(read_env_file(env_file))
    except EnvFileError as error:
        sys.stderr.write(f"{program}: {error}\n")
        sys.exit(5)
    environ["ZEPGUARD_PROGRAM"] = program
    if program != MANAGE:
        environ[PARENT] = os.environ.get(PARENT, "")
        tie_to_parent(environ)
    become(command, environ)


if __name__ == "__main__":
    launch(sys.argv[1:])
