"""Copies of the tree to break: of its tracked files as they are now, in a temporary folder."""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from py_compile import PycInvalidationMode

from zepguard.defects.patches import Defect

__all__ = ["PACKAGES", "Copies", "CopyError", "checkout"]

PACKAGES = ("guard", "chatapp", "chaos", "fakezep", "zepguard")


class CopyError(Exception):
    """There is no checkout to copy, or a patch does not apply to its copy."""


def checkout() -> Path:
    """The checkout that this package is part of.

    Raises:
        CopyError: it was installed from a wheel, which has no defects and nothing to patch.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / "defects").is_dir() or not (root / ".git").exists():
        raise CopyError(f"{root} is no checkout of the repository: clone it, and run `zepguard defects` there")
    return root


class Copies:
    """One copy that stays whole, and one more for each defect. Use as a context; all are gone after it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = tempfile.TemporaryDirectory(prefix="zepguard-defects-", ignore_cleanup_errors=True)
        self.clean = Path(self._folder.name).resolve() / "clean"

    def __enter__(self) -> Copies:
        try:
            self._copy_tracked()
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def _copy_tracked(self) -> None:
        listed = _git(["ls-files", "-z"], self._root).stdout.split("\0")
        for name in filter(None, listed):
            source, copy = self._root / name, self.clean / name
            if source.is_file():  # one that is deleted and not yet committed is not there
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, copy)
        # By hash and not by time: a patched file may have the size and the second of the one before.
        for package in PACKAGES:
            compileall.compile_dir(self.clean / package, quiet=2, invalidation_mode=PycInvalidationMode.CHECKED_HASH)

    @contextmanager
    def another(self, defect: Defect | None = None) -> Iterator[Path]:
        """A copy of its own, with the defect in it if one is given; what runs in it may write there.

        Raises:
            CopyError: the patch does not apply.
        """
        copy = Path(tempfile.mkdtemp(dir=self._folder.name)) / "tree"
        try:
            shutil.copytree(self.clean, copy)
            if defect is not None:
                _apply(defect, copy)
                self._check_changed(defect.files, copy, defect.name)
            yield copy
        finally:
            shutil.rmtree(copy.parent, ignore_errors=True)

    def _check_changed(self, files: Sequence[str], copy: Path, name: str) -> None:
        same = [file for file in files if _bytes(copy / file) == _bytes(self.clean / file)]
        if same:
            raise CopyError(f"{name} no longer applies: {', '.join(same)} is as before")


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _apply(defect: Defect, copy: Path) -> None:
    try:
        _git(["apply", "--whitespace=nowarn", str(defect.path)], copy)
    except CopyError as error:
        raise CopyError(f"{defect.name} no longer applies: {error}; make {defect.path.name} anew") from error


def _git(arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    # A copy is no repository; were the temporary folder inside of one, git would patch nothing, without a word.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment["GIT_CEILING_DIRECTORIES"] = str(folder.parent)
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        raise CopyError(f"git {arguments[0]}: {' '.join(done.stderr.split())}")
    return done
