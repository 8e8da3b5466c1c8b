"""What an act of a step would touch in the environment, in words; touches nothing itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from chaos.errors import ChaosError
from chaos.faults import fault_named
from zepguard.masking import MASK, Mask, is_secret_name
from zepguard.worlds.staging.config import StagingConfig
from zepguard.worlds.staging.faults import is_http_level, target_of
from zepguard.worlds.staging.template import CommandTemplate
from zepguard.worlds.world import WorldError

__all__ = ["Touches"]


class Touches:
    """Tells each act as lines such as ``GET https://...`` and ``runs ssh host ...``; secrets are masked.

    Args:
        config: the environment.

    Each method raises WorldError where a key is missing that the act needs.
    """

    def __init__(self, config: StagingConfig) -> None:
        self._config = config
        self._mask = Mask(config.secrets)

    def begin(self) -> Iterator[str]:
        """What the frame of each scenario touches before its first step."""
        config = self._config
        if config.toxiproxy_url is not None:
            yield f"GET {config.toxiproxy_url}/proxies/{config.proxy}"
        if config.zep_mode is not None:
            yield from self.zep_mode("--status", "--json")
        if config.metrics_url is not None:
            yield from self.metrics()
        if config.log_command is not None or config.log_file is not None:
            yield from self.log()
        if config.fakezep is not None:
            yield from self.journal()

    def end(self) -> Iterator[str]:
        """What it touches after its last step, beside undoing what the scenario did."""
        if self._config.zep_mode is not None:
            yield from self.zep_mode("--status", "--json")
            yield f"{self._runs(self._config.zep_mode, {}, ('--clear',))}   (if the scenario left a forced mode)"
        if self._config.fakezep is not None:
            yield f"GET {self._config.fakezep.admin_url}   (until all accepted messages are delivered)"

    def say(self, user: str, thread_id: str) -> Iterator[str]:
        """A message of a person."""
        config = self._config
        url = config.needed(config.chat_url, "chat_url", "chat")
        token = config.needed(config.token_command, "token_command", "chat as a person")
        yield self._runs(token, {"user": user})
        yield f"POST {url}   (as {user}, thread {thread_id})"

    def get_variable(self, name: str) -> Iterator[str]:
        """Asking for a variable."""
        template = self._config.needed(self._config.get_variable, "get_variable", "change a variable and put it back")
        yield self._runs(template, {"name": name})

    def set_variables(self, changes: Mapping[str, str]) -> Iterator[str]:
        """Changing variables."""
        template = self._config.needed(self._config.set_variables, "set_variables", "change a variable")
        for name, value in changes.items():
            yield from self.get_variable(name)
            shown = MASK if is_secret_name(name) else value
            where = "" if template.has("value") else f"   (with {shown} on its standard input)"
            yield self._runs(template, {"name": name, "value": shown}) + where

    def restart(self) -> Iterator[str]:
        """A restart, with what proves it."""
        template = self._config.needed(self._config.restart_worker, "restart_worker", "restart the worker")
        yield self._runs(template, {})
        yield from self.zep_mode("--status", "--json")

    def zep_mode(self, *arguments: str) -> Iterator[str]:
        """The operators' command."""
        template = self._config.needed(self._config.zep_mode, "zep_mode", "ask for the mode or change it")
        yield self._runs(template, {}, arguments)

    def metrics(self) -> Iterator[str]:
        """A scrape."""
        yield f"GET {self._config.needed(self._config.metrics_url, 'metrics_url', 'see the metrics')}"

    def log(self) -> Iterator[str]:
        """Reading the log."""
        config = self._config
        if config.log_file is not None:
            yield f"reads {config.log_file}"
            return
        template = config.needed(config.log_command, "log_command or log_file", "read the log")
        yield self._runs(template, {"since": "(when the scenario began)"})

    def start_fault(self, name: str, settings: Mapping[str, float | str]) -> Iterator[str]:
        """Putting a fault on."""
        try:
            fault = fault_named(name, {key: str(value) for key, value in settings.items()})
            target = target_of(self._config, fault)
        except ChaosError as error:
            raise WorldError(str(error)) from error
        told = "".join(f" {key}={value}" for key, value in settings.items())
        if is_http_level(fault):
            yield f"puts fault {name}{told} on the fake Zep at {target.fakezep_admin_url}"
        else:
            yield f"puts fault {name}{told} on proxy {target.proxy} at {target.toxiproxy_url}"
        yield "takes it off when the step says so, or at the end of the scenario, however that comes"

    def stop_faults(self, on: Sequence[str]) -> Iterator[str]:
        """Proving the faults that are on, and taking them off."""
        for name in on:
            yield f"GET {self._config.zep_via_proxy_url}   (one request, to see that {name} acts), and takes it off"

    def journal(self) -> Iterator[str]:
        """Reading what Zep saw or holds."""
        fakezep = self._config.needed(self._config.fakezep, "[fakezep]", "see what reached Zep and what it holds")
        yield f"GET {fakezep.admin_url}"

    def processes(self) -> Iterator[str]:
        """Asking for the processes."""
        if self._config.processes_command is not None:
            yield self._runs(self._config.processes_command, {})

    def _runs(self, template: CommandTemplate, values: Mapping[str, str], args: Sequence[str] = ()) -> str:
        return self._mask(f"runs {' '.join(template.argv(values, args))}")
