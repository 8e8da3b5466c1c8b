"""The run folder: all that a stack writes, so that removing the folder leaves no trace."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from zepguard.stack.errors import StackUsageError

__all__ = ["RunDir"]

# sun_path has 108 bytes on Linux and 104 on macOS; supervisord binds a longer name first (".PID" is added).
_SOCKET_PATH_BYTES_MAX = 90
# What would need escaping in supervisord's configuration or in a store's command line.
_PLAIN = re.compile(r"[A-Za-z0-9/._+@=~-]+\Z")
_FOLDERS = ("logs", "data", "metrics", "guard_store", "broker")


@dataclass(frozen=True, kw_only=True)
class RunDir:
    """One stack's folder and the names in it."""

    path: Path

    @classmethod
    def make(cls, path: Path | None = None) -> RunDir:
        """Make the folder: ``path``, which must be new or empty, or a fresh one among the temporary files."""
        # Not resolve(): macOS' temporary folder is a link, and its real path is longer.
        run_dir = cls(path=_fresh() if path is None else path.expanduser().absolute())
        run_dir._check()
        try:
            for name in _FOLDERS:
                (run_dir.path / name).mkdir(parents=True, exist_ok=True)
            run_dir.path.chmod(0o700)
        except OSError as error:
            raise StackUsageError(f"The run folder {run_dir.path} cannot be made ({error.strerror}).") from error
        return run_dir

    def _check(self) -> None:
        if not _PLAIN.match(str(self.path)):
            raise StackUsageError(
                f"The run folder {str(self.path)!r} has a character that a configuration file would take for its "
                "own: choose a path of letters, digits and /._+@=~-."
            )
        if self._too_long():
            raise StackUsageError(
                f"The run folder {self.path} has too long a path for a socket in it: choose one of at most "
                f"{_SOCKET_PATH_BYTES_MAX - 7} bytes."
            )
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise StackUsageError(f"The run folder {self.path} is not empty: give a new one, or empty it.")

    def _too_long(self) -> bool:
        return len(os.fsencode(self.socket)) > _SOCKET_PATH_BYTES_MAX

    def remove(self) -> None:
        """Remove the folder and all in it; what is gone already is no error."""
        shutil.rmtree(self.path, ignore_errors=True)

    @property
    def env_file(self) -> Path:
        """What each program reads at each start."""
        return self.path / "env"

    @property
    def config(self) -> Path:
        """The supervisor's configuration."""
        return self.path / "supervisord.conf"

    @property
    def socket(self) -> Path:
        """Where the supervisor listens."""
        return self.path / "s.sock"

    @property
    def pid_file(self) -> Path:
        """The supervisor's own pid."""
        return self.path / "supervisord.pid"

    @property
    def toxiproxy_config(self) -> Path:
        """The proxies that Toxiproxy starts with, so that a killed one comes back with them."""
        return self.path / "toxiproxy.json"

    @property
    def info(self) -> Path:
        """The description of the stack, one line of JSON."""
        return self.path / "stack.json"

    @property
    def app_log(self) -> Path:
        """The guard's and the app's events, a JSON line each."""
        return self.path / "logs" / "app.log"

    def log(self, program: str) -> Path:
        """What a program writes on its standard output and standard error."""
        return self.path / "logs" / f"{program}.log"

    def data(self, name: str) -> Path:
        """A folder of its own for a program's files."""
        return self.path / name


def _fresh() -> Path:
    """Choose a folder among the temporary files, or in /tmp where their path is too long or too odd."""
    name = f"zepguard-{secrets.token_hex(4)}"
    wanted = RunDir(path=Path(tempfile.gettempdir()).absolute() / name)
    if wanted._too_long() or not _PLAIN.match(str(wanted.path)):
        wanted = RunDir(path=Path("/tmp") / name)
    return wanted.path
