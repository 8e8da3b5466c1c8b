"""The supervisor of a stack, asked over its socket; each call has a time limit."""

from __future__ import annotations

import http.client
import socket
import xmlrpc.client
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from zepguard.stack.errors import SupervisorUnreachable

__all__ = ["ProgramState", "Supervisor"]


@dataclass(frozen=True, kw_only=True)
class ProgramState:
    """A program as the supervisor sees it; ``pid`` is 0 when it does not run."""

    name: str
    state: str
    pid: int
    why: str

    @property
    def died(self) -> bool:
        """Whether it ended by itself, or never got up."""
        return self.state in ("BACKOFF", "EXITED", "FATAL")


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
        """Start a program, and do not wait for it."""
        self._call("supervisor.startProcess", name, False)

    def restart(self, name: str) -> None:
        """Stop a program, wait for its end, and start it again, without waiting for that."""
        if self.programs()[name].state != "STOPPED":
            self._call("supervisor.stopProcess", name, True)
        self._call("supervisor.startProcess", name, False)

    def stop_all(self) -> None:
        """Stop all programs at the same time, and wait for their end."""
        self._call("supervisor.stopAllProcesses", True)

    def _call(self, method: str, *parameters: str | bool) -> Any:
        connection = _UnixConnection(self._path, self._timeout_s)
        try:
            body = xmlrpc.client.dumps(parameters, method)
            connection.request("POST", "/RPC2", body, {"Content-Type": "text/xml"})
            answer, _ = xmlrpc.client.loads(connection.getresponse().read())
        except xmlrpc.client.Fault as fault:
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
