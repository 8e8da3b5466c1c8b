"""Acting on a running stack from outside: its description is enough, also in another process."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from zepguard.stack.companion import FOLLOWER, LEADER
from zepguard.stack.env_file import edit_env_file, write_env_file
from zepguard.stack.errors import StackUsageError, StartFailed
from zepguard.stack.info import StackInfo
from zepguard.stack.layout import RunDir
from zepguard.stack.program_log import end_of_log
from zepguard.stack.programs import WORKERS
from zepguard.stack.readiness import answers_http, live_workers
from zepguard.stack.supervisor_client import ProgramState, Supervisor

__all__ = ["StackControl"]

_LOOK_EVERY_S = 0.05


class StackControl:
    """What a drill does to a stack's processes and flags. Raises SupervisorUnreachable when the stack is gone."""

    def __init__(self, info: StackInfo) -> None:
        """``info``: the stack to act on."""
        self._info = info
        self._supervisor = Supervisor(RunDir(path=Path(info.run_dir)).socket, timeout_s=10)

    def programs(self) -> dict[str, ProgramState]:
        """Return the state and pid of each program by name."""
        return self._supervisor.programs()

    def restart(self, *names: str, within_s: float = 20.0) -> None:
        """Restart programs, so that they read the env file again, and return when each new one is ready.

        The delivery worker follows the chat worker (see ``companion``), and is waited for too.

        Raises:
            StackUsageError: there is no such program.
            StartFailed: one did not come up again in time; a flag that the guard refuses does that.
        """
        before = self._require(names)
        asked = set(names)
        follows = LEADER in asked and before[FOLLOWER].alive
        self._supervisor.restart(*(asked - {FOLLOWER} if follows else asked))
        if follows:
            asked.add(FOLLOWER)
        self._wait(asked, within_s, former={name: before[name].pid for name in asked})

    def kill(self, name: str) -> int:
        """SIGKILL a program, as the kernel's out-of-memory killer would, and return the pid that it had.

        The supervisor starts it again at once; see ``wait_ready``. One that has just died has had its end: no error.
        """
        pid = self._require([name])[name].pid
        if pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return pid

    def wait_ready(self, *names: str, within_s: float = 20.0) -> None:
        """Wait until the processes that now run as these programs have given a sign of life of their own."""
        self._require(names)
        self._wait(names, within_s)

    @contextmanager
    def settings(self, changes: Mapping[str, str | None], *, restart: Iterable[str] = WORKERS) -> Iterator[None]:
        """Change variables of the env file for a while, restarting what shall see it; None takes one out.

        Puts the file back and restarts again on the way out, whatever happened inside.
        """
        names = tuple(restart)
        before = edit_env_file(self._info.env_file, changes)
        try:
            self.restart(*names)
            yield
        finally:
            write_env_file(self._info.env_file, before)
            self.restart(*names)

    def _wait(self, names: Iterable[str], within_s: float, *, former: Mapping[str, int] | None = None) -> None:
        """Wait for a sign of life; with the ``former`` pids, of a new process, which must not die meanwhile."""
        gives_up_at = time.monotonic() + within_s
        tried: dict[str, int] = {}
        while True:
            now = self.programs()
            late = [name for name in names if not self._ready(now[name], former)]
            if not late:
                return
            for name in late:
                if name == FOLLOWER and LEADER in late:
                    continue  # restarted along with it, each time that it dies
                if former is not None and _died_again(now[name], former[name], tried):
                    raise self._failed(now[name], "died after its restart")
            if time.monotonic() > gives_up_at:
                raise self._failed(now[late[0]], f"is not ready after {within_s:g} s")
            time.sleep(_LOOK_EVERY_S)

    def _ready(self, state: ProgramState, former: Mapping[str, int] | None) -> bool:
        if state.state not in ("STARTING", "RUNNING") or (former and state.pid == former[state.name]):
            return False
        if state.name == "uvicorn":
            return answers_http(self._info.health_url)
        if state.name not in WORKERS:
            return state.state == "RUNNING"
        workers = live_workers(self._info.redis_url, self._info.namespace)
        return any((one.program, one.pid) == (state.name, state.pid) for one in workers)

    def _failed(self, state: ProgramState, what: str) -> StartFailed:
        log = RunDir(path=Path(self._info.run_dir)).log(state.name)
        return StartFailed(f"{state.name} {what} ({state.state}). The end of its log:\n{end_of_log(log)}")

    def _require(self, names: Iterable[str]) -> dict[str, ProgramState]:
        known = self.programs()
        for name in names:
            if name not in known:
                raise StackUsageError(f"There is no program {name!r}. There are: {', '.join(sorted(known))}.")
        return known


def _died_again(state: ProgramState, former: int, tried: dict[str, int]) -> bool:
    """Whether the process that ``tried`` remembers as this program's new one is gone; remembers it if there is one."""
    if not state.pid or state.pid == former:
        return state.name in tried
    return tried.setdefault(state.name, state.pid) != state.pid
