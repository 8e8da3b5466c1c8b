"""The supervisor of a stack, asked over its socket; each call has a time limit."""

from __future__ import annotations

import http.client
import socket
import time
import xmlrpc.client
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from zepguard.stack.errors import SupervisorUnreachable

__all__ = ["ProgramState", "Supervisor"]

_LOOK_EVERY_S = 0.05
# supervisor.xmlrpc.Faults; importing that module would load its whole HTTP server.
_NOT_RUNNING, _ALREADY_STARTED = 70, 60


@dataclass(frozen=True, kw_only=True)
class ProgramState:
    """A program as the supervisor sees it; ``pid`` is 0 when it does not run."""

    name: str
    state: str
    pid: int
    why: str

    @property
    def alive(self) -> bool:
        """Whether there is a process."""
        return self.state in ("STARTING", "RUNNING", "STOPPING")

    @property
    def died(self) -> bool:
        """Whether it ended by itself, or never got up."""
        return self.state in ("BACKOFF", "EXITED", "FATAL")


class _AlreadyStarted(SupervisorUnreachable):
    pass


class _NotRunning(SupervisorUnreachable):
    pass


_HARMLESS = {_ALREADY_STARTED: _AlreadyStarted, _NOT_RUNNING: _NotRunning}


class Supervisor:
    """A supervisord that listens on a unix socket.

    supervisor's own client and ``supervisorctl`` wait for ever for an answer; this one does not.
    """

    def __init__(self, socket_path: Path, *, timeout_s: float = 5.0) -> None:
        """``timeout_s``: for connecting, and for each wait for bytes."""
        self._path = str(socket_path)
        self._timeout_s = timeout_s

    def programs(self) -> dict[str, ProgramState]:
        """Return all programs by name."""
        told = self._call("supervisor.getAllProcessInfo")
        return {one["name"]: _state(one) for one in told}

    def start(self, name: str) -> None:
        """Start a program, and do not wait for it; one that runs already is no error."""
        with suppress(_AlreadyStarted):
            self._call("supervisor.startProcess", name, False)

    def stop(self, *names: str, within_s: float = 10.0) -> None:
        """Stop programs, all at the same time, and wait for their end; one that does not run is no error."""
        for name in names:
            with suppress(_NotRunning):
                self._call("supervisor.stopProcess", name, False)
        # Each question also wakes the supervisor up, which by itself looks at its children once a second.
        gives_up_at = time.monotonic() + within_s
        while left := [one.name for one in self.programs().values() if one.name in names and one.alive]:
            if time.monotonic() > gives_up_at:
                raise SupervisorUnreachable(f"The supervisor did not stop {', '.join(left)} in {within_s:g} s.")
            time.sleep(_LOOK_EVERY_S)

    def restart(self, *names: str) -> None:
        """Stop programs, wait for their end, and start them again, without waiting for that."""
        self.stop(*names)
        for name in names:
            self.start(name)

    def stop_all(self, *, within_s: float = 10.0) -> None:
        """Stop all programs as ``stop`` does."""
        self.stop(*self.programs(), within_s=within_s)

    def _call(self, method: str, *parameters: str | bool) -> Any:
        connection = _UnixConnection(self._path, self._timeout_s)
        try:
            body = xmlrpc.client.dumps(parameters, method)
            connection.request("POST", "/RPC2", body, {"Content-Type": "text/xml"})
            answer, _ = xmlrpc.client.loads(connection.getresponse().read())
        except xmlrpc.client.Fault as fault:
            if fault.faultCode in _HARMLESS:
                raise _HARMLESS[fault.faultCode] from fault
            raise SupervisorUnreachable(f"The supervisor refused {method}{parameters}: {fault.faultString}.") from fault
        except (OSError, http.client.HTTPException, ExpatError) as error:
            raise SupervisorUnreachable(
                f"The supervisor does not answer at {self._path} ({type(error).__name__}): is the stack still up?"
            ) from error
        finally:
            connection.close()
        return answer[0]


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _state(told: Mapping[str, Any]) -> ProgramState:
    return ProgramState(
        name=str(told["name"]),
        state=str(told["statename"]),
        pid=int(told["pid"]),
        why=str(told["spawnerr"] or told["description"]),
    )
