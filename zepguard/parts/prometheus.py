"""Prometheus, promtool, Alertmanager and amtool: where the user says, else on PATH or in the user's cache.

Where one is nowhere, it and its companion are built once into the cache, from the module file in ``prometheus_module``
or ``alertmanager_module``, whose go.sum has the checksum of each source. Two modules: amtool does not compile with the
libraries that this Prometheus asks for.
"""

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zepguard.parts.building import build_module
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
from zepguard.parts.toxiproxy import cache_folder

__all__ = ["ALERTMANAGER", "AMTOOL", "PROMETHEUS", "PROMTOOL", "Tool", "find_tool", "obtain_tool"]


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A program by its names on PATH, the variable that may name another, and the package that has it.

    ``module`` names what it is built from, ``prometheus`` or ``alertmanager``; all of a module have one ``version``.
    """

    name: str
    commands: tuple[str, ...]
    override: str
    package: str
    module: str
    source: str
    version: str
    used_for: str

    @property
    def remedy(self) -> str:
        """What to do where it is missing."""
        return f"install {self.package} (Debian's, or a release), put its path into {self.override}, or install Go"


PROMETHEUS = Tool(
    name="prometheus",
    commands=("prometheus",),
    override="PROMETHEUS_SERVER",
    package="prometheus",
    module="prometheus",
    source="github.com/prometheus/prometheus/cmd/prometheus",
    version="3.5.0",
    used_for="asks the checklist's PromQL, and fires its alerts",
)
PROMTOOL = Tool(
    name="promtool",
    commands=("promtool",),
    override="PROMTOOL",
    package="prometheus",
    module="prometheus",
    source="github.com/prometheus/prometheus/cmd/promtool",
    version="3.5.0",
    used_for="checks the rules, and loads a run's metrics",
)
ALERTMANAGER = Tool(
    name="alertmanager",
    commands=("alertmanager", "prometheus-alertmanager"),
    override="ALERTMANAGER_SERVER",
    package="prometheus-alertmanager",
    module="alertmanager",
    source="github.com/prometheus/alertmanager/cmd/alertmanager",
    version="0.28.1",
    used_for="sends the pages",
)
AMTOOL = Tool(
    name="amtool",
    commands=("amtool",),
    override="AMTOOL",
    package="prometheus-alertmanager",
    module="alertmanager",
    source="github.com/prometheus/alertmanager/cmd/amtool",
    version="0.28.1",
    used_for="checks where pages go",
)

_ALL = (PROMETHEUS, PROMTOOL, ALERTMANAGER, AMTOOL)


def find_tool(tool: Tool, environ: Mapping[str, str] | None = None) -> Part | None:
    """Return the program, or None if there is none.

    Raises PartUnusable when the tool's variable names a file that does not run.
    """
    environ = os.environ if environ is None else environ
    if override := environ.get(tool.override):
        if not executable(Path(override)):
            what = f"at {override} (from {tool.override}) is no file that runs"
            raise PartUnusable(tool.name, what, f"correct or unset {tool.override}")
        return _part(tool, Path(override), f"from {tool.override}")
    found = on_path(tool.commands, environ)
    if found is not None:
        return _part(tool, found, "on PATH")
    cached = cached_tool(tool, environ)
    return (
        Part(name=tool.name, path=cached, version=tool.version, source="in the cache") if executable(cached) else None
    )


def cached_tool(tool: Tool, environ: Mapping[str, str]) -> Path:
    """Return where the built program is, or would be."""
    return cache_folder(environ) / f"{tool.module}-{tool.version}" / tool.source.rsplit("/", 1)[1]


def obtain_tool(tool: Tool, environ: Mapping[str, str] | None = None, *, on_progress: Progress = say_nothing) -> Part:
    """Return the program, built first if need be, with the other of its module, which takes minutes, once.

    Raises PartMissing when there is no way to it, and PartUnusable as ``find_tool`` does.
    """
    environ = os.environ if environ is None else environ
    found = find_tool(tool, environ)
    if found is not None:
        return found
    try:
        _build_into_cache(tool, environ, on_progress)
    except (CommandFailed, OSError) as error:
        raise PartMissing(tool.name, f"is not here and cannot be built ({error})", tool.remedy) from error
    return Part(
        name=tool.name, path=cached_tool(tool, environ), version=tool.version, source="built just now, in the cache"
    )


def _build_into_cache(tool: Tool, environ: Mapping[str, str], on_progress: Progress) -> None:
    built = cached_tool(tool, environ).parent
    built.parent.mkdir(parents=True, exist_ok=True)
    with locked(built.parent / f"{built.name}.lock", tool.module, on_progress):
        if built.is_dir():  # another builder was first
            return
        rooms = f"building-{built.name}-"
        for left in built.parent.glob(f"{rooms}*"):  # by a builder that was killed: we have the lock
            shutil.rmtree(left, ignore_errors=True)
        # On the same file system as the cache, so that the move is atomic.
        with tempfile.TemporaryDirectory(dir=built.parent, prefix=rooms) as room:
            module = Path(room) / "module"
            shutil.copytree(Path(__file__).parent / f"{tool.module}_module", module)
            packages = [one.source for one in _ALL if one.module == tool.module]
            name = f"{tool.module} {tool.version}"
            build_module(module, packages, Path(room), environ, on_progress, name=name).rename(built)


def _part(tool: Tool, path: Path, source: str) -> Part:
    return Part(name=tool.name, path=path, version=first_version(version_said(path)), source=source)
