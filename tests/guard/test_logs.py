"""Log lines: whole, valid JSON, from many processes into one file, without secrets."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from guard import MemoryService, logs, read_settings


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "logs" / "app.log"
    logs.configure(str(path))
    yield path
    logs.configure()


def test_lines_of_eight_processes_never_mix(tmp_path: Path, start_child: Callable[..., Any]) -> None:
    path = tmp_path / "logs" / "app.log"
    children = [start_child("count.py", {"ZEPGUARD_LOG_FILE": str(path)}, "log", "200") for _ in range(8)]
    for child in children:
        assert child.line() == "ready"
    for child in children:
        child.tell()
    for child in children:
        child.end()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert Counter(line["pid"] for line in lines) == {child.process.pid: 200 for child in children}
    assert all(len(line["text"]) == 5000 for line in lines)


def test_a_line_says_when_who_and_how_bad(log_file: Path) -> None:
    """Its folder is made; text that is no UTF-8, and values that are no JSON, make a line all the same."""
    logs.get_logger("guard").warning("something", text="ü\n\ud800", value={1, 2}, path=Path("x"))
    (line,) = [json.loads(text) for text in log_file.read_text().splitlines()]
    assert (line["event"], line["source"], line["level"], line["path"]) == ("something", "guard", "warning", "x")
    assert line["timestamp"].endswith("Z")


def test_threads_share_one_descriptor(log_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []
    really = os.open
    monkeypatch.setattr(os, "open", lambda *a, **k: opened.append(1) or really(*a, **k))
    barrier = threading.Barrier(16)

    def run() -> None:
        barrier.wait()
        logs.get_logger("guard").info("hello")

    threads = [threading.Thread(target=run) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(log_file.read_text().splitlines()) == 16
    assert len(opened) == 1


def _open_files(folder: Path) -> list[str]:
    found = []
    for number in Path("/dev/fd").iterdir():
        with suppress(OSError):
            found.append(str(number.readlink()))
    return sorted(name for name in found if name.startswith(str(folder)))


needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are listed on Linux alone")


@needs_proc
def test_another_file_closes_the_former(log_file: Path, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        logs.configure(str(tmp_path / name))
        logs.get_logger("guard").info("hello")
    assert _open_files(tmp_path) == [str(tmp_path / "c")]
    logs.configure()
    assert _open_files(tmp_path) == []


@needs_proc
def test_services_from_the_environment_write_to_its_file_and_open_it_once(environ: Any, tmp_path: Path) -> None:
    path = tmp_path / "env.log"
    try:
        for _ in range(3):
            MemoryService.from_env({**environ, "ZEPGUARD_LOG_FILE": str(path)})
            logs.get_logger("guard").info("hello")
        assert len(path.read_text().splitlines()) == 3
        assert _open_files(tmp_path) == [str(path)]
        MemoryService.from_env({**environ, "ZEPGUARD_LOG_FILE": ""})
        logs.get_logger("guard").info("hello")
        assert len(path.read_text().splitlines()) == 4
    finally:
        logs.configure()


def test_a_file_that_is_configured_again_is_not_opened_again(log_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs.get_logger("guard").info("hello")
    monkeypatch.setattr(os, "open", lambda *a, **k: pytest.fail("opened again"))
    logs.configure(str(log_file))
    logs.get_logger("guard").info("hello")
    assert len(log_file.read_text().splitlines()) == 2


def test_neither_key_nor_context_is_ever_logged(
    environ: dict[str, str], fakezep: Any, log_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through reads that succeed, fail in each way, downgrade, probe and restore."""
    fakezep.keys("sEcReT-key-1")
    variables = {**environ, "GUARD_REDIS_URL": "", "ZEP_API_KEY": "sEcReT-key-1", "ZEP_TIMEOUT_MS": "2000"}
    service = MemoryService(read_settings(variables))
    zep = service._way_to_zep()
    zep.ensure_user("u")
    zep.ensure_thread("t", "u")
    from guard.zep.calls import OutgoingMessage

    zep.add_messages(
        "t", [OutgoingMessage(outbox_id="o", role="user", content="my private tea", created_at="2026-01-01T00:00:00Z")]
    )
    assert "private tea" in service.read_context(user_id="u", thread_id="t").text
    for status in (500, 429, 400):
        fakezep.fault("status", status=status, count=1, body={"message": "my private tea"})
        service.read_context(user_id="u", thread_id=f"t{status}")
    fakezep.fault("status", status=200, count=1, body={"context": ["my private tea"]})
    service.read_context(user_id="u", thread_id="shape")
    fakezep.fault("half_body", count=1, route="context")
    service.read_context(user_id="u", thread_id="half")
    fakezep.keys("another")
    service.read_context(user_id="u", thread_id="auth")
    service.close()
    text = log_file.read_text()
    assert "zep_context_failure" in text
    assert "memory_mode_forced" in text
    assert "sEcReT" not in text
    assert "private tea" not in text
