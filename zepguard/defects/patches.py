"""The defects as patch files, each with a header that says what it breaks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Defect", "DefectError", "Part", "choose", "read_defect", "read_defects"]

_FIELDS = ("Breaks", "Item")
_BODY = re.compile(r"^(diff --git |--- )", re.MULTILINE)
_FILES = re.compile(r"^(?:---|\+\+\+) [ab]/(\S+)", re.MULTILINE)
_PART_OF = {
    "guard": "guard",
    "chatapp": "app",
    "prometheus": "rules",
    "loadtests": "rules",
    "grafana": "dashboard",
    "zepguard/prometheus": "dashboard",
}

Part = str
"""What a defect breaks: ``guard``, ``app``, ``rules`` or ``dashboard``."""


class DefectError(Exception):
    """A patch file that is none, or a name that no defect has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Defect:
    """One defect.

    Attributes:
        name: of the file, without ``.patch``.
        path: the patch, which ``git apply`` takes.
        breaks: what goes wrong, in a line.
        item: of ``features/checklist.yaml``: who should notice; empty in a foreign patch.
        files: what it changes, from the root of the tree.
    """

    name: str
    path: Path
    breaks: str
    item: str
    files: tuple[str, ...]

    @property
    def part(self) -> Part:
        """What it breaks; of several parts the one that a drill is the nearest to."""
        parts = {_part_of(file) for file in self.files}
        return next((part for part in ("guard", "app", "rules", "dashboard") if part in parts), "guard")


def _part_of(file: str) -> Part:
    return next((part for folder, part in _PART_OF.items() if file.startswith(f"{folder}/")), "guard")


def read_defect(path: Path) -> Defect:
    """Read one patch; only those of ``defects/`` must have a header.

    Raises:
        DefectError: the file cannot be read, or changes nothing.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DefectError(f"{path} cannot be read ({error}): name a patch file") from error
    body = _BODY.search(text)
    files = tuple(sorted(set(_FILES.findall(text[body.start() :])))) if body else ()
    if body is None or not files:
        raise DefectError(f"{path} is no patch: write it with `git diff > {path}`")
    told = dict(re.findall(r"^(\w+): (.+)$", text[: body.start()], re.MULTILINE))
    breaks, item = (told.get(field, "") for field in _FIELDS)
    return Defect(name=path.stem, path=path.resolve(), breaks=breaks, item=item, files=files)


def read_defects(folder: Path) -> tuple[Defect, ...]:
    """Read all patches of a folder, by name.

    Raises:
        DefectError: there is none, or one lacks a line of its header.
    """
    defects = tuple(read_defect(path) for path in sorted(folder.glob("*.patch")))
    if not defects:
        raise DefectError(f"no patch in {folder}: the defects stand in a checkout of the repository")
    for one in defects:
        if not (one.breaks and one.item):
            raise DefectError(f"{one.path} has no header: begin it with {' and '.join(f'`{f}: ...`' for f in _FIELDS)}")
    return defects


def choose(known: Iterable[Defect], wanted: Iterable[str]) -> tuple[Defect, ...]:
    """Those that are named: by a defect's name, or the path of any patch; all if none is.

    Raises:
        DefectError: a word that is neither.
    """
    by_name = {one.name: one for one in known}
    words = tuple(dict.fromkeys(wanted))
    if not words:
        return tuple(by_name.values())
    return tuple(by_name[word] if word in by_name else _foreign(word) for word in words)


def _foreign(word: str) -> Defect:
    if not Path(word).is_file():
        raise DefectError(f"no defect is called {word!r}: `zepguard defects --list` names them, or give a patch file")
    return read_defect(Path(word))
