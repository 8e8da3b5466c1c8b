"""The memory service as its operators have it: ``zep_mode``, the status, and the workers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from zepguard.masking import Mask
from zepguard.worlds.real_time import Progress, RealPatience
from zepguard.worlds.staging.commands import Commands, Done
from zepguard.worlds.staging.config import StagingConfig
from zepguard.worlds.world import CommandResult, WorldError

__all__ = ["Fleet"]


class Fleet:
    """Acts by the config's commands alone.

    Args:
        config: the environment.
        commands: runs them.
        mask: takes secrets out of what they print.
        progress: told of waits over two seconds.
    """

    def __init__(self, config: StagingConfig, commands: Commands, mask: Mask, progress: Progress) -> None:
        self._config = config
        self._commands = commands
        self._mask = mask
        self._progress = progress

    def zep_mode(self, *arguments: str) -> CommandResult:
        """Run it, however it ends; raises WorldError if it cannot be run at all."""
        done = self._zep_mode(arguments)
        return CommandResult(code=done.code, text=self._mask((done.out + done.err).strip()))

    def _zep_mode(self, arguments: Sequence[str]) -> Done:
        template = self._config.needed(self._config.zep_mode, "zep_mode", "ask for the mode or change it")
        return self._commands.run(template, args=arguments, timeout_s=self._config.command_timeout_s)

    def status(self) -> Mapping[str, Any]:
        """What ``zep_mode --status --json`` says; raises WorldError if that is no status."""
        done = self._zep_mode(("--status", "--json"))
        for line in reversed(done.out.splitlines()):
            status = _object(line)
            if "base" in status:
                return status
        said = self._mask(done.err.strip())[-300:]
        raise WorldError(
            f"zep_mode of {self._config.file.name} with --status --json ended with {done.code} and printed no status"
            f"{': ' + said if said else ''}"
        )

    def clear(self) -> None:
        """``zep_mode --clear``; raises WorldError if it fails."""
        done = self.zep_mode("--clear")
        if done.code:
            raise WorldError(f"zep_mode --clear ended with {done.code}: {done.text[-300:]}")

    def restart(self) -> None:
        """Run ``restart_worker``, and return when each worker that lived before is gone and its program is back.

        By the workers' own signs of life, each with host and pid: also the exit code of a restart is only a claim.

        Raises:
            WorldError: it failed, or the workers are not new in time.
        """
        template = self._config.needed(self._config.restart_worker, "restart_worker", "restart the worker")
        before = self._workers()
        limit_s = self._config.restart_timeout_s
        self._progress("restarting the workers (restart_worker)")
        self._commands.must(template, timeout_s=limit_s)
        self._await_new(before, limit_s)

    def _await_new(self, before: Mapping[str, str], limit_s: float) -> None:
        old, programs = set(before), set(before.values())
        patience = RealPatience(limit_s)
        while True:
            now = self._workers_if_answering()
            if now is not None:
                old &= set(now)
                if not old and now and programs <= set(now.values()):
                    return
            if not patience.left():
                raise WorldError(_not_new(old, limit_s))

    def _workers(self) -> dict[str, str]:
        return {str(one["name"]): str(one["program"]) for one in self.status()["workers"]}

    def _workers_if_answering(self) -> dict[str, str] | None:
        try:
            return self._workers()
        except WorldError:  # a container that restarts runs no command
            return None


def _not_new(old: set[str], limit_s: float) -> str:
    if old:
        return (
            f"{', '.join(sorted(old))} lived on after restart_worker, by its own signs of life: it must replace every "
            "process that reads the variables, and a container must get a new host name or pid"
        )
    return (
        f"the workers are not back {limit_s:g} s after restart_worker: look at their logs, or raise restart_timeout_s"
    )


def _object(line: str) -> Mapping[str, Any]:
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
