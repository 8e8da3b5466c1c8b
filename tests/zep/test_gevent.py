"""Under gevent's monkey patching: the deadline and the resolver hold, and other greenlets run meanwhile."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gevent", reason="gevent is not installed: pip install --group test")

CHILD = Path(__file__).parent / "children" / "patched.py"
GOOD = b'HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{"context": "tea"}'
HANGS_S = 10.0


def test_the_deadline_holds_under_gevent(
    serve: Callable[..., Any],
    serve_tls_drip: Callable[..., Any],
    answering: Callable[..., Any],
    read_request: Callable[..., bytes],
    drip: Callable[..., None],
) -> None:
    def drips(connection: socket.socket, server: Any) -> None:
        read_request(connection)
        drip(connection, server, GOOD, every_s=0.1)

    urls = {
        "answers": answering(GOOD).url,
        "drips": serve(drips).url,
        "silent": serve(lambda connection, server: server.wait(60)).url,
        "handshake": f"https://zep.test:{serve_tls_drip('handshake', GOOD).port}",
        "record": f"https://zep.test:{serve_tls_drip('record', GOOD).port}",
    }
    ended = subprocess.run([sys.executable, str(CHILD), json.dumps(urls)], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert told.pop("patched")["ticks"] == 1
    assert told["resolver hangs"]["look_ups"] == 1
    for name, one in told.items():
        assert one["outcomes"] == (["tea"] if name in ("answers", "localhost") else ["timeout"]), name
        assert one["longest"] < HANGS_S, name
        if one["outcomes"] == ["timeout"]:
            assert one["ticks"] > 5, name  # the process was not blocked while the calls waited
