"""On which line of a TOML file a key stands: ``tomllib`` tells that of a syntax error only."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

__all__ = ["KeyLines"]

Path = tuple[str, ...]


class KeyLines:
    """The lines of tables and keys of a file whose keys and headers stand at the start of a line of their own."""

    def __init__(self, text: str) -> None:
        """``text``: a TOML file that ``tomllib`` reads."""
        self._lines: dict[Path, int] = {}
        table: Path = ()
        for number, line in enumerate(text.splitlines(), start=1):
            if line.lstrip().startswith("["):
                table = _path(line)
                self._lines.setdefault(table, number)
            elif "=" in line:
                # Only the key counts here, and a value may go on over the next lines.
                key = _path(line.partition("=")[0] + "= 0")
                self._lines.setdefault((*table, *key), number)

    def of(self, *path: str) -> int:
        """The line (from 1) of a key, or of the nearest table around it."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)


def _path(line: str) -> Path:
    """The names in one header or one ``key = 0``; none for a line that is only a part of a value."""
    try:
        found: object = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ()
    names: list[str] = []
    while isinstance(found, Mapping) and found:
        name, found = next(iter(found.items()))
        names.append(name)
    return tuple(names)
