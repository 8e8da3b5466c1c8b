"""Reads single values of ``staging.toml``, and refuses them by name."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from chaos.errors import SettingRefused
from chaos.target import require_http_url
from zepguard.masking import Mask
from zepguard.time_scale import check_time_scale
from zepguard.worlds.staging.template import CommandTemplate

__all__ = ["Reading", "StagingConfigError"]

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TIMEOUT_S_MAX = 3600
_MISSING = object()


class StagingConfigError(Exception):
    """The config cannot be used; the message names file, key, value and remedy."""


class Reading:
    """One table of the file.

    Args:
        path: the file.
        table: what it says.
        environment: where secrets are.
        within: what to put before a key in a message.
    """

    def __init__(self, path: Path, table: Mapping[str, Any], environment: Mapping[str, str], within: str = "") -> None:
        self._path = path
        self._table = table
        self._environment = environment
        self._within = within

    def refused(self, key: str, remedy: str) -> StagingConfigError:
        """The error for a key's value, or for its absence."""
        value = self._table.get(key, _MISSING)
        if value is _MISSING:
            return StagingConfigError(f"{self._path}: {self._within}{key} is missing: {remedy}")
        return StagingConfigError(f"{self._path}: {self._within}{key} = {_shown(value)} is refused: {remedy}")

    def text(self, key: str) -> str | None:
        """A text that is not empty."""
        value = self._table.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            raise self.refused(key, "write a text that is not empty, or leave the key out")
        return value

    def flag(self, key: str) -> bool | None:
        """``true`` or ``false``."""
        value = self._table.get(key)
        if value is not None and not isinstance(value, bool):
            raise self.refused(key, "write true or false, without quotes")
        return value

    def path(self, key: str) -> Path | None:
        """A path, from the config's folder."""
        text = self.text(key)
        return None if text is None else self._path.absolute().parent / text

    def url(self, key: str) -> str | None:
        """An address of an endpoint."""
        text = self.text(key)
        if text is None:
            return None
        remedy = "write a full URL such as https://staging.example.com/api/chat/, without a name or password in it"
        try:
            parts = urlsplit(text)
            parts.port  # noqa: B018  raises for a port that is none
        except ValueError:
            raise self.refused(key, remedy) from None
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise self.refused(key, remedy)
        return text

    def plain_url(self, key: str) -> str | None:
        """An address that faults go to, which is plain HTTP with a port."""
        text = self.url(key)
        try:
            if text is not None:
                require_http_url(key, text)
        except SettingRefused as error:
            raise self.refused(key, error.remedy) from None
        return text

    def command(self, key: str, *, needs: str = "") -> CommandTemplate | None:
        """A command: a list of words, or a text that is split as a shell would, but run by none."""
        value = self._table.get(key)
        if value is None:
            return None
        remedy = 'write a list of words such as ["ssh", "host", "command"], or a text that a shell would split so'
        try:
            words = shlex.split(value) if isinstance(value, str) else value
        except ValueError:
            raise self.refused(key, remedy) from None
        if not isinstance(words, list) or not words or not all(isinstance(one, str) and one for one in words):
            raise self.refused(key, remedy)
        template = CommandTemplate(key=key, words=tuple(words))
        if needs and not template.has(needs):
            raise self.refused(key, f"it needs the placeholder {{{needs}}}")
        return template

    def secret(self, key: str) -> str | None:
        """What the environment variable holds that is named here."""
        name = self.text(key)
        if name is None:
            return None
        if not _VARIABLE.fullmatch(name):
            # It may be the secret itself.
            raise StagingConfigError(
                f"{self._path}: {self._within}{key} = '***' is refused: write the name of an environment variable, "
                "not the secret itself"
            )
        if not self._environment.get(name):
            raise self.refused(key, f"no such variable is set: export {name} with the secret and try again")
        return self._environment[name]

    def seconds(self, key: str, *, default: float) -> float:
        """A time limit."""
        value = self._table.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _TIMEOUT_S_MAX:
            raise self.refused(key, f"write a number of seconds, above 0 and at most {_TIMEOUT_S_MAX}")
        return float(value)

    def time_scale(self, key: str) -> float:
        """How many times shorter the environment's holds are; 1 by default."""
        value = self._table.get(key, 1)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.refused(key, "write a number; 1 is real time")
        try:
            return check_time_scale(float(value))
        except ValueError as error:
            raise self.refused(key, str(error).partition(": ")[2]) from None


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return Mask()(repr(value))
