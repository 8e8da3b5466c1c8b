"""The release before is found in the list of releases, and its tree in the history."""

from pathlib import Path

import pytest

from zepguard.stack import release
from zepguard.stack.errors import StackUsageError
from zepguard.stack.release import Release, release_before, unpack


def list_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: str) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/releases.md").write_text(rows)
    monkeypatch.setattr(release, "_ROOT", tmp_path)
    monkeypatch.setattr(release, "version", lambda name: "0.3.0")


def test_it_is_the_newest_that_is_not_this_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "| 0.1.0 | `aaaaaaa` | x |\n| 0.2.0 | `bbbbbbb` | x |\n| 0.3.0 | `ccccccc` | x |\n"
    list_of(tmp_path, monkeypatch, rows)
    assert release_before() == Release(version="0.2.0", commit="bbbbbbb")


@pytest.mark.parametrize("rows", ["", "| 0.3.0 | `ccccccc` | x |\n"])
def test_a_list_without_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: str) -> None:
    list_of(tmp_path, monkeypatch, rows)
    with pytest.raises(StackUsageError, match=r"releases\.md"):
        release_before()


def test_no_list_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "_ROOT", tmp_path)
    with pytest.raises(StackUsageError, match="checkout"):
        release_before()


def test_its_tree_is_its_own_and_not_this_one(tmp_path: Path) -> None:
    unpack(Release(version="0.1.0", commit="a61f775"), tmp_path / "tree")
    assert (tmp_path / "tree/guard/__init__.py").exists()
    assert not (tmp_path / "tree/zepguard/stack/release.py").exists()


def test_a_commit_that_git_does_not_have_is_named(tmp_path: Path) -> None:
    with pytest.raises(StackUsageError, match="f" * 12):
        unpack(Release(version="0.0.1", commit="f" * 12), tmp_path / "tree")
