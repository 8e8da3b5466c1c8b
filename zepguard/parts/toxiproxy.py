"""Toxiproxy's server: found where the user says, on PATH or in the user's cache; else built once into it."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from zepguard.parts.building import build_server
from zepguard.parts.commands import (
    CommandFailed,
    Progress,
    executable,
    first_version,
    on_path,
    say_nothing,
    version_said,
)
from zepguard.parts.locks import locked
from zepguard.parts.model import Part, PartMissing, PartUnusable

TOXIPROXY_VERSION = "2.12.0"
NAME = "Toxiproxy"
OVERRIDE = "TOXIPROXY_SERVER"
_COMMAND = "toxiproxy-server"
_MODULE_LINE = re.compile(rb"mod\tgithub\.com/Shopify/toxiproxy/v2\tv(\d[^\t\n]*)\t")
REMEDY = f"put toxiproxy-server {TOXIPROXY_VERSION} on PATH or its path into {OVERRIDE}, or install Go and try again"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A server binary that may be ours: where it is, and how it was found."""

    path: Path
    source: str


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Return zepguard's folder in the user's cache. Pure, but for the user's home."""
    # The XDG rules say to ignore a path that is not absolute.
    given = Path(environ.get("XDG_CACHE_HOME", ""))
    home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    return (given if given.is_absolute() else home / ".cache") / "zepguard"


def cached_binary(environ: Mapping[str, str]) -> Path:
    """Return where the built server of our version is, or would be."""
    return cache_folder(environ) / f"toxiproxy-{TOXIPROXY_VERSION}" / _COMMAND


def version_of(binary: Path) -> str | None:
    """Return the version of a server binary, or None if it does not tell.

    A release says it when asked. One built by Go says ``git``, also at its HTTP ``/version``; but Go leaves
    the module's version in the binary as plain text, which needs no Go to read.
    """
    said = first_version(version_said(binary))
    if said is not None:
        return said
    try:
        match = _MODULE_LINE.search(binary.read_bytes())
    except OSError:
        return None
    return match.group(1).decode("ascii", "replace") if match else None


def find_toxiproxy(environ: Mapping[str, str] | None = None, *, on_progress: Progress = say_nothing) -> Part | None:
    """Return the server, or None if there is none yet. Builds nothing.

    One of another version on PATH is passed over, and ``on_progress`` told. Raises PartUnusable when
    TOXIPROXY_SERVER names a file that does not run or has another version: what was asked for is not guessed
    away.
    """
    environ = os.environ if environ is None else environ
    if override := environ.get(OVERRIDE):
        return _overridden(Path(override))
    for candidate in _candidates(environ):
        version = version_of(candidate.path)
        if version in (None, TOXIPROXY_VERSION):
            return Part(name=NAME, path=candidate.path, version=version, source=candidate.source)
        on_progress(f"{NAME} {version} {candidate.source} is passed over: {TOXIPROXY_VERSION} is needed")
    return None


def obtain_toxiproxy(environ: Mapping[str, str] | None = None, *, on_progress: Progress = say_nothing) -> Part:
    """Return the server, built first if need be, which takes about half a minute, once.

    Two builders at a time do not clash: the second waits and takes what the first has built. Raises
    PartMissing when there is no way to it, and PartUnusable as ``find_toxiproxy`` does.
    """
    environ = os.environ if environ is None else environ
    found = find_toxiproxy(environ, on_progress=on_progress)
    if found is not None:
        return found
    try:
        path = _build_into_cache(environ, on_progress)
    except (CommandFailed, OSError) as error:
        raise PartMissing(NAME, f"{TOXIPROXY_VERSION} is not here and cannot be built ({error})", REMEDY) from error
    return Part(name=NAME, path=path, version=TOXIPROXY_VERSION, source="built just now, in the cache")


def _overridden(path: Path) -> Part:
    if not executable(path):
        raise PartUnusable(NAME, f"at {path} (from {OVERRIDE}) is no file that runs", f"correct or unset {OVERRIDE}")
    version = version_of(path)
    if version not in (None, TOXIPROXY_VERSION):
        raise PartUnusable(
            NAME,
            f"at {path} (from {OVERRIDE}) is version {version}",
            f"point {OVERRIDE} at {TOXIPROXY_VERSION}, or unset it",
        )
    return Part(name=NAME, path=path, version=version, source=f"from {OVERRIDE}")


def _candidates(environ: Mapping[str, str]) -> Iterator[Candidate]:
    found = on_path([_COMMAND], environ)
    if found is not None:
        yield Candidate(path=found, source="on PATH")
    cached = cached_binary(environ)
    if executable(cached):
        yield Candidate(path=cached, source="in the cache")


def _build_into_cache(environ: Mapping[str, str], on_progress: Progress) -> Path:
    final = cached_binary(environ)
    final.parent.mkdir(parents=True, exist_ok=True)
    with locked(final.parent / "lock", NAME, on_progress):
        if executable(final):  # another builder was first
            return final
        for left in final.parent.glob("building-*"):  # by a builder that was killed: we have the lock
            shutil.rmtree(left, ignore_errors=True)
        # On the same file system as the cache, so that the move is atomic.
        with tempfile.TemporaryDirectory(dir=final.parent, prefix="building-") as room:
            built = build_server(TOXIPROXY_VERSION, Path(room), environ, on_progress)
            version = version_of(built)
            if version != TOXIPROXY_VERSION:
                raise CommandFailed(f"Go built version {version}")
            built.replace(final)
    return final
