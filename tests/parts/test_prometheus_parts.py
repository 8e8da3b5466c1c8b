"""Prometheus and its kin: the user's choice first, then PATH, then the cache, into which they are built once."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from zepguard.parts import Part, PartMissing, PartUnusable, building, survey
from zepguard.parts.commands import CommandFailed, Progress
from zepguard.parts.prometheus import (
    ALERTMANAGER,
    AMTOOL,
    PROMETHEUS,
    PROMTOOL,
    Tool,
    cached_tool,
    find_tool,
    obtain_tool,
)

TOOLS = [PROMETHEUS, PROMTOOL, ALERTMANAGER, AMTOOL]


def program(path: Path, version: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{path.name}, version {version} (branch: x)'\n")
    path.chmod(0o755)
    return path


def no_go_from_pypi(room: Path, environ: dict[str, str], on_progress: Progress) -> Path:
    raise CommandFailed("no registry in this test")


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A user with an empty cache, nothing on PATH, and no way to a Go from PyPI."""
    monkeypatch.setattr(building, "go_from_pypi", no_go_from_pypi)
    return {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": str(tmp_path / "bin")}


@pytest.fixture
def with_go(environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """A stand-in for Go that takes a moment, notes its calls, and writes what it would build."""
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text(
        f"""#!/bin/sh
PATH=/usr/bin:/bin
echo "$@" >> {tmp_path}/calls
test -f "$2/go.sum" || exit 1
sleep 0.3
while [ "$1" != -o ]; do shift; done
folder=$2; shift 2
for package; do printf '#!/bin/sh\\n' > "$folder${{package##*/}}"; chmod 755 "$folder${{package##*/}}"; done
"""
    )
    go.chmod(0o755)
    return environ


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_the_users_choice_comes_before_path_and_that_before_the_cache(
    tool: Tool, environ: dict[str, str], tmp_path: Path
) -> None:
    assert find_tool(tool, environ) is None
    cached = program(cached_tool(tool, environ), "of a module says nothing")
    found = obtain_tool(tool, environ)
    assert (found.path, found.version, found.source) == (cached, tool.version, "in the cache")
    there = program(tmp_path / "bin" / tool.commands[-1], "2.42.0")
    found = obtain_tool(tool, environ)
    assert (found.path, found.version, found.source) == (there, "2.42.0", "on PATH")
    chosen = program(tmp_path / "mine", "3.5.0")
    found = obtain_tool(tool, environ | {tool.override: str(chosen)})
    assert (found.path, found.version, found.source) == (chosen, "3.5.0", f"from {tool.override}")


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_a_missing_one_and_a_wrong_choice_name_the_remedy(tool: Tool, environ: dict[str, str]) -> None:
    with pytest.raises(PartMissing, match=f"no registry in this test.*install {tool.package}"):
        obtain_tool(tool, environ)
    wrong = environ | {tool.override: "/nothing"}
    with pytest.raises(PartUnusable, match=f"correct or unset {tool.override}"):
        obtain_tool(tool, wrong)
    report = next(one for one in survey(wrong) if one.name == tool.name)
    assert not report.ok
    assert next(one for one in survey(environ) if one.name == tool.name).ok


def test_one_build_a_module_makes_all_four_and_leaves_nothing_else(with_go: dict[str, str], tmp_path: Path) -> None:
    parts: list[Part] = []
    builders = [threading.Thread(target=lambda one=one: parts.append(obtain_tool(one, with_go))) for one in TOOLS]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join(60)
    assert {part.name for part in parts} == {tool.name for tool in TOOLS}
    assert all(part.path.is_file() for part in parts)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert len(calls) == 2
    assert all("-mod=readonly" in call for call in calls)
    cache = parts[0].path.parents[1]
    made = {str(one.relative_to(cache)) for one in cache.rglob("*")}
    prometheus, alertmanager = (f"{tool.module}-{tool.version}" for tool in (PROMETHEUS, ALERTMANAGER))
    assert made == {
        *(prometheus, f"{prometheus}.lock", f"{prometheus}/prometheus", f"{prometheus}/promtool"),
        *(alertmanager, f"{alertmanager}.lock", f"{alertmanager}/alertmanager", f"{alertmanager}/amtool"),
    }


def test_a_build_that_lacks_one_is_not_kept(with_go: dict[str, str], tmp_path: Path) -> None:
    go = tmp_path / "bin" / "go"
    go.write_text(go.read_text().replace("for package; do", "for package; do [ ${package##*/} = amtool ] && continue;"))
    with pytest.raises(PartMissing, match="Go built no amtool"):
        obtain_tool(ALERTMANAGER, with_go)
    assert not cached_tool(ALERTMANAGER, with_go).exists()


def test_a_go_that_cannot_build_is_followed_by_go_from_pypi(
    with_go: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose caches go with the room: a user without Go is not left with some."""
    old, good = tmp_path / "bin" / "go", tmp_path / "good-go"
    good.write_text(old.read_text().replace('echo "$@"', 'echo "$GOMODCACHE$GOPATH $GOTOOLCHAIN"'))
    good.chmod(0o755)
    old.write_text("#!/bin/sh\necho 'go.mod requires go >= 1.24'; exit 1\n")
    monkeypatch.setattr(building, "go_from_pypi", lambda *_: good)
    said: list[str] = []
    part = obtain_tool(PROMTOOL, with_go, on_progress=said.append)
    assert (part.version, part.source) == ("3.5.0", "built just now, in the cache")
    building_it = "building prometheus 3.5.0, once"
    why = f"{building_it} ended with 1; it said: go.mod requires go >= 1.24; trying Go from PyPI"
    assert said == [f"{building_it} ...", why, f"{building_it} ..."]
    gopath, toolchain = (tmp_path / "calls").read_text().split()
    assert (Path(gopath).parents[1], toolchain) == (part.path.parents[1], "local")
    assert not Path(gopath).exists()


def test_a_failed_build_is_one_sentence_with_what_go_said_and_the_remedy(
    with_go: dict[str, str], tmp_path: Path
) -> None:
    """And nothing is left but the lock."""
    (tmp_path / "bin" / "go").write_text("#!/bin/sh\necho 'verifying module: checksum mismatch' >&2; exit 1\n")
    with pytest.raises(PartMissing) as missing:
        obtain_tool(PROMETHEUS, with_go)
    told = str(missing.value)
    assert "prometheus is not here and cannot be built" in told
    assert "ended with 1; it said: verifying module: checksum mismatch; then no registry in this test" in told
    assert told.endswith("put its path into PROMETHEUS_SERVER, or install Go.")
    cache = cached_tool(PROMETHEUS, with_go).parents[1]
    assert [one.suffix for one in cache.iterdir()] == [".lock"]


def test_what_a_go_that_dies_leaves_goes_with_the_room(with_go: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "bin" / "go").write_text(
        f"#!/bin/sh\necho $GOTMPDIR > {tmp_path}/room; echo x > $GOTMPDIR/left; kill -9 $$\n"
    )
    with pytest.raises(PartMissing, match="ended with -9"):
        obtain_tool(PROMETHEUS, with_go)
    assert not Path((tmp_path / "room").read_text().strip()).exists()
    assert [one.suffix for one in cached_tool(PROMETHEUS, with_go).parents[1].iterdir()] == [".lock"]


def test_a_cache_that_cannot_be_written_is_said(with_go: dict[str, str]) -> None:
    Path(with_go["XDG_CACHE_HOME"]).write_text("in the way")
    with pytest.raises(PartMissing, match=r"cannot be built \(.*cache.*install prometheus"):
        obtain_tool(PROMETHEUS, with_go)


@pytest.mark.parametrize(
    ("tool", "module", "version"),
    [
        (PROMETHEUS, "github.com/prometheus/prometheus", "v0.305.0"),
        (ALERTMANAGER, "github.com/prometheus/alertmanager", "v0.28.1"),
    ],
    ids=["prometheus", "alertmanager"],
)
def test_every_source_that_is_built_has_its_checksum_here(tool: Tool, module: str, version: str) -> None:
    folder = Path(building.__file__).parent / f"{tool.module}_module"
    assert f"require {module} {version}\n" in (folder / "go.mod").read_text(encoding="utf-8")
    assert f"{module} {version} h1:" in (folder / "go.sum").read_text(encoding="utf-8")
    named = (folder / "tools.go").read_text(encoding="utf-8")
    assert [one.source for one in TOOLS if f'"{one.source}"' in named] == [
        one.source for one in TOOLS if one.module == tool.module
    ]


def test_a_module_builds_with_libraries_that_its_programs_compile_with() -> None:
    """amtool 0.28 names a type that prometheus/common 0.65 has no more, and Prometheus 3.5 asks for that one."""
    versions = {}
    for tool in (PROMETHEUS, ALERTMANAGER):
        text = (Path(building.__file__).parent / f"{tool.module}_module/go.mod").read_text(encoding="utf-8")
        versions[tool] = next(line.split()[1] for line in text.splitlines() if "prometheus/common " in line)
    assert versions == {PROMETHEUS: "v0.65.0", ALERTMANAGER: "v0.61.0"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a watcher does it, a moment later")
def test_a_builder_that_is_killed_takes_its_go_along_and_the_next_one_tidies_up(
    with_go: dict[str, str], tmp_path: Path
) -> None:
    go, pid = tmp_path / "bin" / "go", tmp_path / "pid"
    good = go.read_text()
    go.write_text(f"#!/bin/sh\necho $$ > {pid}.new; /bin/mv {pid}.new {pid}; exec /bin/sleep 600\n")
    program = "from zepguard.parts.prometheus import PROMETHEUS, obtain_tool; obtain_tool(PROMETHEUS)"
    builder = subprocess.Popen([sys.executable, "-c", program], env=with_go)
    for _ in range(600):
        if pid.exists():
            break
        time.sleep(0.1)
    child = int(pid.read_text())
    builder.kill()
    builder.wait()
    stat = Path(f"/proc/{child}/stat")
    for _ in range(600):
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":  # nobody may reap an orphan
            break
        time.sleep(0.1)
    else:
        pytest.fail("its Go goes on")
    cache = cached_tool(PROMETHEUS, with_go).parents[1]
    assert any(one.is_dir() for one in cache.iterdir())
    go.write_text(good)
    built = obtain_tool(PROMETHEUS, with_go).path.parent
    assert {one for one in cache.iterdir() if one.is_dir()} == {built}
