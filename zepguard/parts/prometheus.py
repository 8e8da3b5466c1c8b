"""Prometheus, promtool, Alertmanager and amtool: where the user says, else on PATH. None of them is built here."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zepguard.parts.commands import executable, first_version, on_path, version_said
from zepguard.parts.model import Part, PartMissing, PartUnusable

__all__ = ["ALERTMANAGER", "AMTOOL", "PROMETHEUS", "PROMTOOL", "Tool", "find_tool", "obtain_tool"]


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A program by its names on PATH, the variable that may name another, and the package that has it."""

    name: str
    commands: tuple[str, ...]
    override: str
    package: str
    used_for: str

    @property
    def remedy(self) -> str:
        """What to do where it is missing."""
        return f"install {self.package} (Debian's package, or a release), or put the path into {self.override}"


PROMETHEUS = Tool(
    name="prometheus",
    commands=("prometheus",),
    override="PROMETHEUS_SERVER",
    package="prometheus",
    used_for="asks the checklist's PromQL, and fires its alerts",
)
PROMTOOL = Tool(
    name="promtool",
    commands=("promtool",),
    override="PROMTOOL",
    package="prometheus",
    used_for="checks the rules, and loads a run's metrics",
)
ALERTMANAGER = Tool(
    name="alertmanager",
    commands=("alertmanager", "prometheus-alertmanager"),
    override="ALERTMANAGER_SERVER",
    package="prometheus-alertmanager",
    used_for="sends the pages",
)
AMTOOL = Tool(
    name="amtool",
    commands=("amtool",),
    override="AMTOOL",
    package="prometheus-alertmanager",
    used_for="checks where pages go",
)


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
    return _part(tool, found, "on PATH") if found is not None else None


def obtain_tool(tool: Tool, environ: Mapping[str, str] | None = None) -> Part:
    """Return the program; raises PartMissing, and PartUnusable as ``find_tool`` does."""
    found = find_tool(tool, environ)
    if found is None:
        raise PartMissing(tool.name, "is not here", tool.remedy)
    return found


def _part(tool: Tool, path: Path, source: str) -> Part:
    return Part(name=tool.name, path=path, version=first_version(version_said(path)), source=source)
