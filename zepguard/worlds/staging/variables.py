"""The variables that the product reads at its start: asked for and changed by command, and put back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from zepguard.masking import Mask, is_secret_name
from zepguard.worlds.staging.commands import Commands
from zepguard.worlds.staging.config import StagingConfig

__all__ = ["Variables"]

_PURPOSE = "change a variable and put it back"


class Variables(Mapping[str, str]):
    """Each variable by its name. It can be listed only as far as it was asked for.

    Args:
        config: the environment.
        commands: runs ``get_variable`` and ``set_variables``.
        mask: learns the values of variables that are secrets by their name.
    """

    def __init__(self, config: StagingConfig, commands: Commands, mask: Mask) -> None:
        self._config = config
        self._commands = commands
        self._mask = mask
        self._former: dict[str, str] = {}
        self._now: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        """What ``get_variable`` prints for it, without the line's end; raises WorldError."""
        template = self._config.needed(self._config.get_variable, "get_variable", _PURPOSE)
        value = self._commands.must(template, {"name": name}, timeout_s=self._config.command_timeout_s)
        value = value.removesuffix("\n").removesuffix("\r")
        if is_secret_name(name):
            self._mask.learn(value)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._now)

    def __len__(self) -> int:
        return len(self._now)

    def change(self, changes: Mapping[str, str]) -> None:
        """Set these, noting first what they were; raises WorldError, before any change if a key is missing."""
        self._config.needed(self._config.set_variables, "set_variables", _PURPOSE)
        self._config.needed(self._config.restart_worker, "restart_worker", _PURPOSE)
        for name in changes:
            if name not in self._former:
                self._former[name] = self[name]
        for name, value in changes.items():
            self._set(name, value)

    def _set(self, name: str, value: str) -> None:
        template = self._config.needed(self._config.set_variables, "set_variables", _PURPOSE)
        if is_secret_name(name):
            self._mask.learn(value)
        # Before the command: one that fails may have changed it all the same.
        self._now[name] = value
        values, stdin = {"name": name, "value": value}, ""
        if not template.has("value"):
            values, stdin = {"name": name}, value
        self._commands.must(template, values, stdin=stdin, timeout_s=self._config.command_timeout_s)

    def put_back(self) -> bool:
        """Set what differs from how it was; whether anything did. Safe to call again after it failed."""
        different = {name: self._former[name] for name, value in self._now.items() if value != self._former[name]}
        for name, value in different.items():
            try:
                self._set(name, value)
            except BaseException:
                self._now[name] = ""
                raise
        return bool(different)
