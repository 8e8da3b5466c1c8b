"""Faults on the deployment's own Toxiproxy, and their way back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from chaos.errors import ChaosError
from chaos.fault import Fault, LiveFault
from chaos.faults import fault_named
from chaos.target import ChaosTarget
from chaos.toxiproxy import ToxiproxyServer
from zepguard.worlds.staging.config import StagingConfig
from zepguard.worlds.world import WorldError

__all__ = ["Faults", "is_http_level", "target_of"]


class Faults:
    """The faults of one scenario.

    Args:
        config: the environment.
    """

    def __init__(self, config: StagingConfig) -> None:
        self._config = config
        self._on: list[LiveFault] = []

    def require_clean(self) -> None:
        """Refuse to drill over somebody else's experiment, or over what a killed run left; raises WorldError."""
        if self._config.toxiproxy_url is None:
            return
        with _as_world_errors():
            proxy = ToxiproxyServer(self._config.toxiproxy_url).proxy(self._config.proxy)
        if proxy.toxics or not proxy.enabled:
            what = ", ".join(toxic.name for toxic in proxy.toxics) or "it is switched off"
            raise WorldError(
                f"proxy {self._config.proxy} at {self._config.toxiproxy_url} has a fault on it that is not this "
                f"drill's: {what}; if no other experiment runs, POST {self._config.toxiproxy_url}/reset"
            )

    def start(self, name: str, settings: dict[str, float | str]) -> None:
        """Put one on; raises WorldError."""
        with _as_world_errors():
            fault = fault_named(name, {key: str(value) for key, value in settings.items()})
            live = fault.on(target_of(self._config, fault))
            self._on.append(live)
            live.start()

    def receipts(self) -> Iterator[str]:
        """How each was seen to act, a sentence each; raises WorldError at one that was not."""
        for live in self._on:
            with _as_world_errors():
                receipt = live.seen()
            if not receipt.seen:
                raise WorldError(f"void: the fault {receipt.fault} was never seen to act ({receipt.how})")
            yield f"{receipt.fault} seen: {receipt.how}"

    def off(self) -> None:
        """Take off what can be taken off; what could not stays noted, for the next call. Raises WorldError."""
        problems = []
        for live in reversed(list(self._on)):
            try:
                live.stop()
                self._on.remove(live)
            except ChaosError as error:
                problems.append(f"A FAULT MAY STILL BE ON: {error}")
        if problems:
            raise WorldError("; ".join(problems))


def is_http_level(fault: Fault) -> bool:
    """Whether the fake Zep makes it, and no proxy can."""
    return hasattr(fault, "spec")


def target_of(config: StagingConfig, fault: Fault) -> ChaosTarget:
    """Where this fault goes; raises WorldError with the key that is missing."""
    purpose = f"put on {fault.name}"
    if is_http_level(fault):
        config.needed(config.fakezep, "[fakezep]", purpose)
    via = config.needed(config.zep_via_proxy_url, "zep_via_proxy_url", f"{purpose} and see that it acts")
    return ChaosTarget(
        toxiproxy_url=config.needed(config.toxiproxy_url, "toxiproxy_url", purpose),
        zep_via_proxy_url=via,
        # No fault on a proxy ever goes there; the target wants an address.
        fakezep_admin_url=config.fakezep.admin_url if config.fakezep else via,
        admin_key=config.fakezep.admin_key if config.fakezep else "",
        zep_api_key=config.zep_api_key or "",
        proxy=config.proxy,
    )


@contextmanager
def _as_world_errors() -> Iterator[None]:
    """What the environment does not do is no verdict on the product."""
    try:
        yield
    except ChaosError as error:
        raise WorldError(str(error)) from error
