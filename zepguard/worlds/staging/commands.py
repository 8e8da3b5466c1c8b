"""Runs the config's commands: bounded, and with nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from zepguard.masking import Mask
from zepguard.worlds.staging.template import CommandTemplate
from zepguard.worlds.world import WorldError

__all__ = ["Commands", "Done"]

_SHOWN = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """How a command ended, and what it printed. Not shown in a repr: it may be a token."""

    code: int
    out: str
    err: str

    def __repr__(self) -> str:
        return f"Done(code={self.code})"


class Commands:
    """Runs templates in the config's folder.

    Args:
        file: the config, which errors name.
        mask: takes secrets out of errors.
    """

    def __init__(self, file: Path, mask: Mask) -> None:
        self._file = file
        self._mask = mask

    def run(
        self,
        template: CommandTemplate,
        values: Mapping[str, str] | None = None,
        *,
        args: Sequence[str] = (),
        stdin: str = "",
        timeout_s: float,
    ) -> Done:
        """Run it to its end, whatever that is.

        Raises:
            WorldError: it cannot be started, or did not end in time (it and all that it started are killed then).
        """
        argv = template.argv(values or {}, args)
        try:
            # A session of its own: a Ctrl-C is ours, and must not cut a restart or an undoing in half.
            process = subprocess.Popen(
                argv,
                cwd=self._file.parent,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise WorldError(f"{self._name(template)}: {argv[0]!r} cannot be started ({why})") from error
        try:
            out, err = process.communicate(stdin.encode(), timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise WorldError(
                f"{self._name(template)} did not end within {timeout_s:g} s: it must not ask for anything; "
                "raise command_timeout_s or restart_timeout_s if it is slow"
            ) from None
        finally:
            if process.returncode is None:
                _kill(process)
        return Done(code=process.returncode, out=out.decode(errors="replace"), err=err.decode(errors="replace"))

    def must(
        self,
        template: CommandTemplate,
        values: Mapping[str, str] | None = None,
        *,
        stdin: str = "",
        timeout_s: float,
    ) -> str:
        """Run it, and give what it printed on standard output; raises WorldError also if it ends with an error."""
        done = self.run(template, values, stdin=stdin, timeout_s=timeout_s)
        if done.code:
            raise WorldError(f"{self._name(template)} ended with {done.code}: {self._end_of(done.err)}")
        return done.out

    def _name(self, template: CommandTemplate) -> str:
        # The key and not the argv, which may hold a secret.
        return f"{template.key} of {self._file.name}"

    def _end_of(self, text: str) -> str:
        return self._mask(text.strip())[-_SHOWN:] or "nothing on its standard error"


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(OSError):  # what was not yet written is lost with its reader
                pipe.close()
