"""The release before, out of the history of this checkout: what a rollback of the code puts back."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from zepguard.stack.errors import StackUsageError

__all__ = ["Release", "release_before", "unpack"]

_ROOT = Path(__file__).resolve().parents[2]
_ROW = re.compile(r"^\| (?P<version>\d+\.\d+\.\d+) \| `?(?P<commit>[0-9a-f]{7,40})`? \|", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """A row of ``docs/releases.md``."""

    version: str
    commit: str


def release_before() -> Release:
    """Return the newest release in ``docs/releases.md`` that is not this version.

    Raises:
        StackUsageError: there is no such list here, or no such release in it.
    """
    path = _ROOT / "docs/releases.md"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise StackUsageError(f"{path} cannot be read ({error.strerror}): run this in a checkout") from error
    rows = [row for row in _ROW.finditer(text) if row["version"] != version("zepguard")]
    if not rows:
        raise StackUsageError(f"{path} names no release before {version('zepguard')}: add its version and commit")
    return Release(version=rows[-1]["version"], commit=rows[-1]["commit"])


def unpack(release: Release, folder: Path) -> None:
    """Put the tree of a release into a folder, which is made if it is not there.

    Raises:
        StackUsageError: git does not know the commit.
    """
    archive = subprocess.run(["git", "-C", str(_ROOT), "archive", release.commit], capture_output=True, check=False)
    if archive.returncode:
        raise StackUsageError(
            f"git has no release {release.version} ({release.commit}): fetch the whole history "
            f"({archive.stderr.decode(errors='replace').strip()})"
        )
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
