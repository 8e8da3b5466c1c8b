"""The product's JSON log lines since a scenario began."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from zepguard.worlds.staging.commands import Commands
from zepguard.worlds.staging.config import StagingConfig
from zepguard.worlds.world import WorldError

__all__ = ["Log"]


class Log:
    """``log_file``, or what ``log_command`` prints; lines that are no JSON object are another program's.

    Lines that were there at the beginning are left out by comparing them, and not by their time: clocks differ.

    Args:
        config: the environment.
        commands: runs ``log_command``.
    """

    def __init__(self, config: StagingConfig, commands: Commands) -> None:
        self._config = config
        self._commands = commands
        self._since = ""
        self._before: Counter[str] = Counter()

    def begin(self) -> None:
        """Note which lines are there; without a log configured, nothing."""
        self._since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._before = Counter(self._lines()) if self._configured() else Counter()

    def events(self) -> Sequence[Mapping[str, Any]]:
        """The events since then, in the log's order; raises WorldError."""
        if not self._configured():
            self._config.needed(None, "log_command or log_file", "read the log")
        before = Counter(self._before)
        events = []
        for line in self._lines():
            if before[line]:
                before[line] -= 1
            elif "event" in (told := _object(line)):
                events.append(told)
        return events

    def _configured(self) -> bool:
        return self._config.log_command is not None or self._config.log_file is not None

    def _lines(self) -> list[str]:
        return [line for line in self._text().splitlines() if line.startswith("{")]

    def _text(self) -> str:
        config = self._config
        if config.log_command is not None:
            return self._commands.must(config.log_command, {"since": self._since}, timeout_s=config.command_timeout_s)
        assert config.log_file is not None
        try:
            return config.log_file.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise WorldError(f"log_file of {config.file.name} cannot be read ({error.strerror})") from error


def _object(line: str) -> Mapping[str, Any]:
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
