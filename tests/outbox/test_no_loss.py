"""SIGKILL of the delivering process at any moment: all that was accepted is in Zep, once, in order."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fakezep.testing import RunningFakeZep, running_fakezep
from guard.core.settings import VARIABLES
from guard.outbox.dbapi import DbApiRows, accept, create_tables

CHILD = Path(__file__).parent / "children" / "deliver.py"
ROUNDS = 8


@pytest.fixture
def zep() -> Iterator[RunningFakeZep]:
    with running_fakezep() as server:
        yield server


def ask(zep: RunningFakeZep, method: str, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        zep.admin_url + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"X-Admin-Key": zep.admin_key, "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def start(variables: dict[str, str]) -> subprocess.Popen[str]:
    names = {variable.name for variable in VARIABLES}
    kept = {name: value for name, value in os.environ.items() if name not in names}
    return subprocess.Popen(
        [sys.executable, str(CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**kept, **variables},
    )


def end(child: subprocess.Popen[str]) -> None:
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        pipe.close()


def test_kills_lose_double_and_reorder_nothing(
    zep: RunningFakeZep, tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    """One delivering process at a time, killed at a random moment; some answers are lost, some requests refused."""
    path = tmp_path / "app.sqlite3"
    app = sqlite3.connect(path, timeout=20)
    app.execute("PRAGMA journal_mode=WAL")
    create_tables(app)
    app.commit()
    variables = {
        "TEST_DATABASE": str(path),
        "FLAG_ZEP_WRITE": "true",
        "FLAG_ZEP_READ": "true",
        "ZEP_ENABLED": "true",
        "ZEP_BASE_URL": zep.url,
        "ZEP_API_KEY": zep.api_key,
        "ZEP_TIMEOUT_MS": "150",
        "ZEPGUARD_BREAKER_OPEN_S": "0.1",
        "ZEPGUARD_OUTBOX_BACKOFF_S": "0.05",
        "ZEPGUARD_OUTBOX_BACKOFF_MAX_S": "0.2",
        "ZEPGUARD_OUTBOX_SETTLE_S": "0.5",
        "ZEPGUARD_LOG_FILE": str(tmp_path / "app.log"),
    }
    ask(zep, "PUT", "/latency", {"seconds": 0.01, "jitter_s": 0.02})
    for kind in ("lose_answer", "refuse_before_write"):
        ask(zep, "POST", "/faults", {"kind": kind, "route": "add_messages", "share": 0.1})
    draw = random.Random(11)
    expected: dict[str, list[str]] = {f"t{number}": [] for number in range(4)}
    rows = DbApiRows(lambda: sqlite3.connect(path, timeout=20, check_same_thread=False))
    children = [start(variables)]
    try:
        for number in range(ROUNDS):
            assert children[-1].stdout.readline() == "ready\n"
            successor = start(variables) if number < ROUNDS - 1 else None
            after = draw.randrange(40)
            for message in range(40):
                thread_id = draw.choice(list(expected))
                expected[thread_id].append(f"{number}-{message}")
                accept(app, user_id="u", thread_id=thread_id, role="user", content=expected[thread_id][-1],
                       turn_id=uuid.uuid4())  # fmt: skip
                app.commit()
                if message == after and successor is not None:
                    children[-1].kill()
            if successor is not None:
                children[-1].wait()
                children.append(successor)
        ask(zep, "DELETE", "/faults")
        wait_for(lambda: rows.counts().depth == 0, seconds=90, what="all delivered")
        children[-1].stdin.close()
        assert children[-1].wait(30) == 0
    finally:
        for child in children:
            end(child)
        rows.close()
        app.close()
    stored = ask(zep, "GET", "/store")["messages"]
    assert {name: [message["content"] for message in stored.get(name, [])] for name in expected} == expected
