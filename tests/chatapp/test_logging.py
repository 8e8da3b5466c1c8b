"""What Django, Celery and uvicorn log in the app's processes shows no person."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SAY = """
import logging
import uvicorn

uvicorn.Config("chatapp.asgi:application", log_level="warning")  # as the server does it, before it imports the app
import chatapp.asgi

for name in ("uvicorn.error", "celery.worker", "django.request", "asyncio"):
    try:
        raise ValueError("ayse@example.com said 0532 123 45 67")
    except ValueError:
        logging.getLogger(name).exception("Exception for %s (+90 532 123 45 67) in %d", "ayse@example.com", 12)
"""


def test_lines_of_other_libraries_show_no_person(tmp_path: Path) -> None:
    """One line each: neither message nor exception has the address, and the formatter shows no exception's text."""
    said = subprocess.run(
        [sys.executable, "-c", SAY],
        env={"PATH": os.environ["PATH"], "CHATAPP_JWT_SECRET": "x" * 40, "CHATAPP_DATA_DIR": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stderr
    for name in ("uvicorn.error", "celery.worker", "django.request", "asyncio"):
        assert said.count(f"ERROR {name} Exception for [EMAIL] ([PHONE]) in 12\n") == 1
    assert "example" not in said
    assert "532" not in said.replace('"<string>"', "")
    assert said.count("ValueError") == 4
