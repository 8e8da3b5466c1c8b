"""The env file: what each program of the stack reads at each of its starts.

One ``KEY=VALUE`` a line, the value quoted as in a shell; ``#`` starts a comment, a leading ``export`` is allowed,
the last of two lines with one key counts. So a shell can source it, and ``sed`` or ``echo >>`` can edit it::

    FLAG_ZEP_WRITE=true
    ZEP_API_KEY='with spaces'

Edits from here replace the file whole, by a rename: a program that starts meanwhile reads the old or the new one.
This module is read at the start of each program, so it imports little.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping

from zepguard.stack.errors import EnvFileError

__all__ = ["edit_env_file", "parse_env", "read_env_file", "render_env", "write_env_file"]

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def parse_env(text: str) -> dict[str, str]:
    """Return the variables of an env file's text; raises EnvFileError with the number of a bad line."""
    variables: dict[str, str] = {}
    # Not splitlines(): a form feed or U+2028 inside a value ends no line.
    for number, line in enumerate(text.split("\n"), start=1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise EnvFileError(f"line {number}: {error}; quote the value as in a shell") from None
        if words[:1] == ["export"]:
            words = words[1:]
        if not words:
            continue
        key, equals, value = words[0].partition("=")
        # The value is not shown: it may be a key.
        if len(words) > 1 or not equals or not _KEY.match(key):
            raise EnvFileError(f"line {number} is no KEY=VALUE; write one, and quote a value with spaces")
        variables[key] = value
    return variables


def render_env(variables: Mapping[str, str]) -> str:
    """Return the text of an env file; raises EnvFileError for a key or a value that one line cannot hold."""
    lines = ["# Read by each program at each start: edit, then supervisorctl restart the program."]
    for key, value in variables.items():
        if not _KEY.match(key):
            raise EnvFileError(f"{key!r} is no name of a variable; use letters, digits and _")
        if "\n" in value or "\0" in value:
            raise EnvFileError(f"{key}: a value with a line break or a NUL does not fit on one line; take it out")
        lines.append(f"{key}={shlex.quote(value)}")
    return "\n".join(lines) + "\n"


def read_env_file(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read the variables of an env file; raises EnvFileError."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib would slow each start
            return parse_env(os.fsdecode(file.read()))
    except EnvFileError as error:
        raise EnvFileError(f"{os.fspath(path)}, {error}.") from None
    except OSError as error:
        raise EnvFileError(f"The env file {os.fspath(path)} cannot be read ({error.strerror}).") from error


def write_env_file(path: str | os.PathLike[str], variables: Mapping[str, str]) -> None:
    """Write an env file, readable by its owner alone, in place of the one there may be."""
    text = render_env(variables)
    fresh = f"{os.fspath(path)}.{os.getpid()}"
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(os.fsencode(text))
        os.replace(fresh, path)  # noqa: PTH105
    except OSError as error:
        raise EnvFileError(f"The env file {os.fspath(path)} cannot be written ({error.strerror}).") from error


def edit_env_file(path: str | os.PathLike[str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """Set these variables, take out those that are None, and return all that stood there before.

    ``write_env_file(path, before)`` puts it back.
    """
    before = read_env_file(path)
    merged: dict[str, str | None] = {**before, **changes}
    write_env_file(path, {key: value for key, value in merged.items() if value is not None})
    return before
