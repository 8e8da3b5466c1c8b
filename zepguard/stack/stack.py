"""One stack, from the choice of its ports to the last process gone."""

from __future__ import annotations

import os
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from zepguard.parts import obtain_toxiproxy, obtain_valkey
from zepguard.stack.bring_up import Progress, start_app, start_parts, start_supervisord, write_files
from zepguard.stack.errors import PortTaken, StackUsageError, SupervisorUnreachable
from zepguard.stack.info import StackInfo
from zepguard.stack.layout import RunDir
from zepguard.stack.plan import MODES, Mode, Plan, Ports
from zepguard.stack.processes import ProcessIdentity, identify, kill_if_same
from zepguard.stack.programs import info_of, programs_of
from zepguard.stack.supervisor_client import Supervisor
from zepguard.time_scale import check_time_scale

__all__ = ["DATABASE_URL_VARIABLE", "Stack"]

DATABASE_URL_VARIABLE = "ZEPGUARD_STACK_DATABASE_URL"
"""Of the caller's environment: the database of the chat app, in place of SQLite in the run folder."""

_TRIES = 3
_STOP_PROGRAMS_WITHIN_S = 6.0
_STOP_SUPERVISOR_WITHIN_S = 5.0


class Stack:
    """A running stack; leave the ``with`` block, or call ``stop``, and nothing of it is left.

    It lives as long as the main thread of the process that started it, at most (see ``lifeline``).
    """

    def __init__(self, plan: Plan, *, keep: bool = False) -> None:
        """Use ``start``; ``keep``: leave the run folder there after the stop."""
        self.info = info_of(plan)
        self._run_dir = plan.run_dir
        self._keep = keep
        self._supervisor = Supervisor(plan.run_dir.socket)
        self._supervisord: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(
        cls,
        *,
        time_scale: float = 1,
        mode: Mode = "read_write",
        run_dir: Path | None = None,
        keep: bool = False,
        on_progress: Progress | None = None,
    ) -> Stack:
        """Start all programs and return when each is ready. Call it in the main thread.

        Args:
            time_scale: how many times faster waits over ten seconds pass.
            mode: the base mode that the flags ask for.
            run_dir: where to put all files; must be new or empty. By default among the temporary files.
            keep: leave the run folder there after the stop.
            on_progress: told what is being done, a line each.

        Raises:
            StackUsageError: what was asked for cannot be; nothing was started.
            PartError: a real part is missing and could not be made; nothing was started.
            StartFailed: a program died or did not get ready; all was taken down. The error has the end of its log.
        """
        _check(time_scale, mode)
        progress = on_progress or _say_nothing
        valkey = obtain_valkey().path
        toxiproxy = obtain_toxiproxy(on_progress=progress).path
        for left in reversed(range(_TRIES)):
            plan = Plan(
                run_dir=RunDir.make(run_dir),
                ports=Ports.choose(),
                mode=mode,
                time_scale=time_scale,
                database_url=os.environ.get(DATABASE_URL_VARIABLE) or None,
            )
            stack = cls(plan, keep=keep)
            try:
                stack._bring_up(plan, valkey=valkey, toxiproxy=toxiproxy, progress=progress)
            except PortTaken as error:
                stack._take_down(remove=True)
                if not left:
                    raise
                progress(f"{str(error).splitlines()[0]} Its port was taken; trying again with others.")
            except BaseException:
                stack.stop()
                raise
            else:
                return stack
        raise AssertionError("the last try returns or raises")

    def _bring_up(self, plan: Plan, *, valkey: Path, toxiproxy: Path, progress: Progress) -> None:
        write_files(plan, programs_of(plan, valkey=valkey, toxiproxy=toxiproxy))
        self._supervisord = start_supervisord(plan)
        start_parts(plan, self._supervisord, self._supervisor, progress)
        start_app(plan, self._supervisor, progress)
        self._run_dir.info.touch(mode=0o600)
        self._run_dir.info.write_text(self.info.to_json() + "\n", encoding="utf-8")

    def __enter__(self) -> StackInfo:
        return self.info

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def ended(self) -> int | None:
        """How the supervisor ended, as ``subprocess`` tells it; None while it runs."""
        return None if self._supervisord is None else self._supervisord.poll()

    def keep(self) -> None:
        """Leave the run folder there after the stop, also if that was not asked for at the start."""
        self._keep = True

    def stop(self) -> None:
        """Stop all programs, the supervisor last, and remove the run folder unless it is to be kept.

        Bounded to about ten seconds: what has not ended by then is killed. Safe twice.
        """
        self._take_down(remove=not self._keep)

    def _take_down(self, *, remove: bool) -> None:
        ours = self._processes()
        try:
            self._ask_to_end()
        finally:
            # Also when Ctrl-C comes while we ask.
            self._make_end(ours)
            if remove:
                self._run_dir.remove()

    def _processes(self) -> list[ProcessIdentity]:
        if self.ended is not None or self._supervisord is None:
            return []
        try:
            pids = [state.pid for state in self._supervisor.programs().values() if state.pid]
        except SupervisorUnreachable:
            return []
        return [one for one in map(identify, pids) if one]

    def _ask_to_end(self) -> None:
        if self._supervisord is None or self._supervisord.poll() is not None:
            return
        # Not up yet, or too slow: it is ended in any case.
        with suppress(SupervisorUnreachable):
            # All at the same time; by itself the supervisor stops one after the other.
            self._supervisor.stop_all(within_s=_STOP_PROGRAMS_WITHIN_S)
        self._supervisord.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._supervisord.wait(_STOP_SUPERVISOR_WITHIN_S)

    def _make_end(self, ours: list[ProcessIdentity]) -> None:
        if self._supervisord is not None and self._supervisord.poll() is None:
            self._supervisord.kill()
            self._supervisord.wait()
        for process in ours:
            kill_if_same(process)


def _check(time_scale: float, mode: str) -> None:
    try:
        check_time_scale(time_scale)
    except ValueError as error:
        raise StackUsageError(f"{str(error).capitalize()}.") from None
    if mode not in MODES:
        raise StackUsageError(f"Mode {mode!r} is refused: give one of {', '.join(MODES)}.")
    if threading.current_thread() is not threading.main_thread():
        raise StackUsageError(
            "A stack lives as long as the thread that starts it (Linux' PR_SET_PDEATHSIG): start it in the main thread."
        )


def _say_nothing(_: str) -> None:
    pass
