"""Nobody listens: connections are refused at once."""

from dataclasses import dataclass
from typing import ClassVar

from chaos.errors import ProxyMissing
from chaos.fault import Receipt
from chaos.probe import Over, never, probe
from chaos.settings import require_number
from chaos.target import ChaosTarget
from chaos.toxiproxy import ToxiproxyServer


@dataclass(frozen=True, kw_only=True)
class Refused:
    """The proxy is disabled: open connections are cut, new ones refused. Stop always enables it."""

    name: ClassVar[str] = "refused"
    says: ClassVar[str] = "connections are refused at once; open ones are cut"

    probe_wait_s: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a wait that is none."""
        require_number("probe_wait_s", self.probe_wait_s, low=0.05, high=60)

    def on(self, target: ChaosTarget) -> "RefusedLive":
        """Return this fault for one target, not started."""
        return RefusedLive(self, target)


class RefusedLive:
    """A proxy switched off and on."""

    def __init__(self, fault: Refused, target: ChaosTarget) -> None:
        """Do nothing yet."""
        self._fault = fault
        self._target = target
        self._server = ToxiproxyServer(target.toxiproxy_url)
        self._off = False

    @property
    def did(self) -> tuple[str, ...]:
        """Say whether the proxy was disabled."""
        return (f"disabled proxy {self._target.proxy}",) if self._off else ()

    def start(self) -> None:
        """Disable the proxy; raises ChaosError."""
        self._server.update_proxy(self._target.proxy, enabled=False)
        self._off = True

    def stop(self) -> tuple[str, ...]:
        """Enable the proxy if it is disabled, whoever did that; raises ChaosError."""
        try:
            if self._server.proxy(self._target.proxy).enabled:
                return ()
            self._server.update_proxy(self._target.proxy, enabled=True)
        except ProxyMissing:
            return ()
        finally:
            self._off = False
        return (f"enabled proxy {self._target.proxy}",)

    def seen(self, over: Over = never) -> Receipt:
        """Connect once: a refusal is the receipt."""
        result = probe(self._target, wait_s=self._fault.probe_wait_s, over=over)
        how = f"a connection of our own: {result.ended}"
        return Receipt(fault=self._fault.name, seen=result.ended == "refused", how=how)
