"""``staging.toml``: what it may say, checked whole before anything is touched."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from zepguard.worlds.staging.reading import Reading, StagingConfigError
from zepguard.worlds.staging.template import CommandTemplate
from zepguard.worlds.world import WorldError

__all__ = ["FakeZepConfig", "StagingConfig", "StagingConfigError"]

T = TypeVar("T")

_ALLOW = (
    "write `allow_faults = true` in it once it is certain that this is an environment where drills may block traffic, "
    "change keys and restart workers"
)


@dataclass(frozen=True, kw_only=True)
class FakeZepConfig:
    """The fake Zep's controls, in an environment that has it."""

    admin_url: str
    admin_key: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class StagingConfig:
    """A deployed environment. What is None is not configured; the scenarios that need it are void."""

    file: Path
    chat_url: str | None
    metrics_url: str | None
    metrics_token: str | None = field(repr=False)
    token_command: CommandTemplate | None
    zep_mode: CommandTemplate | None
    set_variables: CommandTemplate | None
    get_variable: CommandTemplate | None
    restart_worker: CommandTemplate | None
    log_command: CommandTemplate | None
    log_file: Path | None
    processes_command: CommandTemplate | None
    toxiproxy_url: str | None
    proxy: str
    zep_via_proxy_url: str | None
    zep_api_key: str | None = field(repr=False)
    fakezep: FakeZepConfig | None
    time_scale: float
    command_timeout_s: float
    restart_timeout_s: float

    @classmethod
    def from_file(cls, path: Path, environment: Mapping[str, str] = os.environ) -> StagingConfig:
        """Read a config.

        Args:
            path: the TOML file.
            environment: where the variables are that it names for its secrets.

        Raises:
            StagingConfigError: naming file, key, value and remedy.
        """
        table = _toml(path)
        _refuse_unknown(path, table, KEYS)
        reading = Reading(path, table, environment)
        if reading.flag("allow_faults") is not True:
            raise reading.refused("allow_faults", _ALLOW)
        config = cls(
            file=path.absolute(),
            chat_url=reading.url("chat_url"),
            metrics_url=reading.url("metrics_url"),
            metrics_token=reading.secret("metrics_token_env"),
            token_command=reading.command("token_command"),
            zep_mode=reading.command("zep_mode", needs="args"),
            set_variables=reading.command("set_variables", needs="name"),
            get_variable=reading.command("get_variable", needs="name"),
            restart_worker=reading.command("restart_worker"),
            log_command=reading.command("log_command"),
            log_file=reading.path("log_file"),
            processes_command=reading.command("processes_command"),
            toxiproxy_url=reading.plain_url("toxiproxy_url"),
            proxy=reading.text("proxy") or "zep",
            zep_via_proxy_url=reading.plain_url("zep_via_proxy_url"),
            zep_api_key=reading.secret("zep_api_key_env"),
            fakezep=_fakezep(path, table, environment),
            time_scale=reading.time_scale("time_scale"),
            command_timeout_s=reading.seconds("command_timeout_s", default=60),
            restart_timeout_s=reading.seconds("restart_timeout_s", default=180),
        )
        if config.log_command is not None and config.log_file is not None:
            raise reading.refused("log_file", "log_command is there too: leave one of them out")
        return config

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets that were read from the environment."""
        known = (self.metrics_token, self.zep_api_key, self.fakezep.admin_key if self.fakezep else None)
        return tuple(one for one in known if one)

    def needed(self, value: T | None, key: str, purpose: str) -> T:
        """The value of a key that may be missing.

        Raises:
            WorldError: it is missing; what needs it is void.
        """
        if value is None:
            raise WorldError(f"{self.file.name} has no {key}: without it zepguard cannot {purpose}")
        return value


_NO_KEYS = {"file", "metrics_token", "zep_api_key"}
KEYS = tuple(
    sorted(
        {one.name for one in fields(StagingConfig)} - _NO_KEYS
        | {"allow_faults", "metrics_token_env", "zep_api_key_env"}
    )
)
"""The keys at top level."""
_FAKEZEP_KEYS = ("admin_key_env", "admin_url")


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StagingConfigError(
            f"{path} cannot be read ({error.strerror}): write one, docs/staging.md has a full example"
        ) from error
    except ValueError as error:  # also what is no UTF-8
        raise StagingConfigError(f"{path} is no TOML: {error}; correct that line") from error


def _refuse_unknown(path: Path, table: Mapping[str, Any], known: tuple[str, ...], within: str = "") -> None:
    for key in table:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            meant = f"did you mean {close[0]}? " if close else ""
            raise StagingConfigError(f"{path}: there is no key {within}{key}: {meant}The keys are {', '.join(known)}.")


def _fakezep(path: Path, table: Mapping[str, Any], environment: Mapping[str, str]) -> FakeZepConfig | None:
    inner = table.get("fakezep")
    if inner is None:
        return None
    if not isinstance(inner, dict):
        raise StagingConfigError(f"{path}: fakezep = {inner!r} is refused: write a table, [fakezep]")
    _refuse_unknown(path, inner, _FAKEZEP_KEYS, "fakezep.")
    reading = Reading(path, inner, environment, within="fakezep.")
    url, key = reading.plain_url("admin_url"), reading.secret("admin_key_env")
    if url is None:
        raise reading.refused("admin_url", "[fakezep] needs the address of its controls")
    if key is None:
        raise reading.refused("admin_key_env", "[fakezep] needs the name of the variable that holds its admin key")
    return FakeZepConfig(admin_url=url, admin_key=key)
