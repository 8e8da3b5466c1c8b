"""One program that serves HTTP on a free port of the loopback, and cannot outlive this process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from zepguard.stack.environment import clean_environment
from zepguard.stack.errors import StartFailed
from zepguard.stack.lifeline import PARENT
from zepguard.stack.ports import free_ports
from zepguard.stack.program_log import end_of_log
from zepguard.stack.readiness import answers_http

__all__ = ["Program"]

_TRIES = 3
_READY_WITHIN_S = 60.0
_STOP_WITHIN_S = 10.0
_LOOK_EVERY_S = 0.05


class Program:
    """A running server; ``stop`` ends it.

    Start it in the main thread: on Linux it dies with the thread that started it (see ``zepguard.stack.lifeline``).
    """

    def __init__(self, name: str, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        """Use ``start``."""
        self.name = name
        self.log = log
        self.url = f"http://127.0.0.1:{port}"
        self._process = process

    @classmethod
    def start(
        cls, name: str, command: Callable[[int], Sequence[str | Path]], *, ready: str, folder: Path, log: Path
    ) -> Program:
        """Start ``command(port)`` in ``folder`` and return when a GET of ``ready`` is answered with 200.

        Raises:
            StartFailed: it died, or was not ready within 60 s; it is ended, and the error has the end of its log.
        """
        for left in reversed(range(_TRIES)):
            (port,) = free_ports(1)
            program = cls(name, _spawn(command(port), folder, log), port, log)
            try:
                program._await(ready)
            except BaseException as error:
                program.stop()
                if left and isinstance(error, StartFailed) and "address already in use" in str(error):
                    continue
                raise
            return program
        raise AssertionError("the last try returns or raises")

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def stop(self) -> None:
        """End it: SIGTERM, and SIGKILL after ten seconds. Safe twice."""
        if self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_WITHIN_S)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _await(self, ready: str) -> None:
        gives_up_at = time.monotonic() + _READY_WITHIN_S
        while not answers_http(self.url + ready):
            if self._process.poll() is not None:
                raise self._failed(f"died at its start with {self._process.returncode}")
            if time.monotonic() > gives_up_at:
                raise self._failed(f"was not ready in {_READY_WITHIN_S:g} s")
            time.sleep(_LOOK_EVERY_S)

    def _failed(self, what: str) -> StartFailed:
        return StartFailed(f"{self.name} {what}. The end of its log:\n{end_of_log(self.log)}")


def _spawn(command: Sequence[str | Path], folder: Path, log: Path) -> subprocess.Popen[bytes]:
    tied = [sys.executable, "-P", "-m", "zepguard.stack.lifeline", *map(str, command)]
    with log.open("wb") as said:
        return subprocess.Popen(
            tied,
            cwd=folder,
            env={**clean_environment(os.environ), PARENT: str(os.getpid())},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in a terminal goes to us, who end it in order
        )
