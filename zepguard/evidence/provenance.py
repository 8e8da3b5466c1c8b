"""What was run, on what: versions, and the commit of a checkout."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from zepguard.evidence.model import Product

__all__ = ["now_text", "product"]

_PACKAGES = ("zep-cloud", "httpx", "redis", "django", "celery", "uvicorn", "prometheus-client", "pytest-bdd", "locust")
_GIT_S = 10.0


def now_text() -> str:
    """This moment, in ISO 8601 to the second, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def product() -> Product:
    """What runs here. From an installed wheel, or without git, the commit is ``unknown``."""
    root = Path(__file__).resolve().parents[2]
    commit = _git(root, "rev-parse", "HEAD") if (root / ".git").exists() else None
    changes = _git(root, "status", "--porcelain", "--untracked-files=no") if commit else None
    return Product(
        version=version("zepguard"),
        commit=commit or "unknown",
        changed=None if changes is None else bool(changes),
        versions={"Python": platform.python_version(), "system": platform.system(), **_versions()},
    )


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=_GIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
