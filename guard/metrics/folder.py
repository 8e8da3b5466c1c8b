"""The multiprocess folder of prometheus-client, kept small over any number of restarts.

Each process leaves a file a type behind (``counter_PID.db``); the counts in it must live on, the files need not. Dead
ones are summed into one archive. Nothing is lost or counted twice if that is killed at any moment:

1. dead files are renamed to names that no process will ever open again (a pid comes back, a random name does not);
2. their sums and the old archive's go into a new file beside them;
3. one rename of ``manifest.json`` makes the new archive count and names the files that it stands for;
4. those are deleted, by whoever comes next if not by us.

A scrape and a merge exclude each other by a lock on the folder.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prometheus_client.mmap_dict import MmapedDict

__all__ = ["compact", "live_files", "locked"]

_MANIFEST = "manifest.json"
_TYPES = ("counter", "histogram")


@contextmanager
def locked(folder: Path, *, exclusive: bool) -> Iterator[None]:
    """Hold the folder's lock, shared for a scrape or exclusive for a merge."""
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield


def live_files(folder: Path) -> list[str]:
    """The files that can be read for a scrape, by full path; call it under the lock.

    One that a process has opened and not yet laid out is empty, and holds no count.
    """
    return [str(path) for path in _counting(folder) if path.stat().st_size]


def _counting(folder: Path) -> list[Path]:
    manifest = _manifest(folder)
    archives = set(manifest["archives"])
    gone = set(manifest["stands_for"])
    return [
        path
        for path in sorted(folder.glob("*.db"))
        if path.name not in gone and (not _is_archive(path) or path.name in archives)
    ]


def compact(folder: Path) -> int:
    """Merge the files of dead processes into the archive; gives how many were merged."""
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, exclusive=True):
        _delete_leftovers(folder)
        dead = _rename_dead(folder)
        if dead:
            _merge(folder, dead)
            _delete_leftovers(folder)
        return len(dead)


def _manifest(folder: Path) -> dict[str, list[str]]:
    try:
        found: dict[str, list[str]] = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        return found
    except FileNotFoundError:
        return {"archives": [], "stands_for": []}


def _is_archive(path: Path) -> bool:
    return path.stem.split("_")[-1].startswith("archive")


def _delete_leftovers(folder: Path) -> None:
    counting = set(_counting(folder))
    for path in folder.glob("*.db"):
        if path not in counting:
            path.unlink()
    for path in folder.glob("*.tmp"):
        path.unlink()


def _rename_dead(folder: Path) -> list[Path]:
    dead = list(folder.glob("*_dead*.db"))
    for kind in _TYPES:
        for path in folder.glob(f"{kind}_*.db"):
            owner = path.stem.removeprefix(f"{kind}_")
            if owner.isdecimal() and not _alive(int(owner)):
                dead.append(path.rename(folder / f"{kind}_dead{secrets.token_hex(8)}.db"))
    return dead


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _merge(folder: Path, dead: list[Path]) -> None:
    former = [folder / name for name in _manifest(folder)["archives"]]
    archives = []
    for kind in _TYPES:
        parts = [path for path in (*former, *dead) if path.name.startswith(kind)]
        if parts:
            archive = folder / f"{kind}_archive{secrets.token_hex(8)}.db"
            _write_sums(archive, parts)
            archives.append(archive.name)
    state = {"archives": archives, "stands_for": [path.name for path in (*former, *dead)]}
    draft = folder / f"{_MANIFEST}.tmp"
    draft.write_text(json.dumps(state), encoding="utf-8")
    draft.rename(folder / _MANIFEST)


def _write_sums(archive: Path, parts: list[Path]) -> None:
    sums: dict[str, float] = {}
    for part in parts:
        for key, value in _values(part):
            sums[key] = sums.get(key, 0.0) + value
    target = _open(archive)
    try:
        for key, value in sums.items():
            target.write_value(key, value, 0.0)
    finally:
        target.close()


def _values(path: Path) -> list[tuple[str, float]]:
    if not path.stat().st_size:
        return []  # killed before its first count
    source = _open(path, read_mode=True)
    try:
        return [(key, value) for key, value, *_ in source.read_all_values()]
    finally:
        source.close()


def _open(path: Path, *, read_mode: bool = False) -> Any:
    return MmapedDict(str(path), read_mode)  # type: ignore[no-untyped-call]
