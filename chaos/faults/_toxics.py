"""Faults that are toxics on the proxy: they differ in which toxics, and in what a probe must then see."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

from chaos.errors import ChaosError
from chaos.fault import Receipt
from chaos.probe import Over, Probe, never
from chaos.target import ChaosTarget
from chaos.toxiproxy import Stream, Toxic, ToxiproxyServer


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a probe saw the fault, and the sentence that says so."""

    seen: bool
    how: str


class ToxicFault(Protocol):
    """The settings of a fault that is made of toxics."""

    name: ClassVar[str]

    def toxics(self) -> tuple[Toxic, ...]:
        """Return the toxics to put on the proxy, in this order."""

    def ask(self, target: ChaosTarget, over: Over) -> Probe:
        """Probe the proxy in the way that shows this fault."""

    def judge(self, result: Probe) -> Verdict:
        """Tell whether this probe saw the fault. Pure."""


def toxic_name(fault: str, stream: Stream) -> str:
    """Return the toxic's name on the server. Fixed: a later run takes off what a killed one left."""
    return f"zepguard-{fault}-{stream}"


class ToxicsLive:
    """Toxics on one proxy."""

    def __init__(self, fault: ToxicFault, target: ChaosTarget) -> None:
        """Do nothing yet."""
        self._fault = fault
        self._target = target
        self._server = ToxiproxyServer(target.toxiproxy_url)
        self._did: list[str] = []

    @property
    def did(self) -> tuple[str, ...]:
        """Return the toxics put on so far."""
        return tuple(self._did)

    def start(self) -> None:
        """Put each toxic on; raises ChaosError, with those before it still on."""
        for toxic in self._fault.toxics():
            self._server.put_toxic(self._target.proxy, toxic)
            self._did.append(f"put toxic {toxic.name} on proxy {self._target.proxy}")

    def stop(self) -> tuple[str, ...]:
        """Take each toxic off, whoever put it on; if one fails, the others are still taken off."""
        undone: list[str] = []
        first_error: ChaosError | None = None
        for toxic in self._fault.toxics():
            try:
                if self._server.remove_toxic(self._target.proxy, toxic.name):
                    undone.append(f"took toxic {toxic.name} off proxy {self._target.proxy}")
            except ChaosError as error:
                first_error = first_error or error
        self._did.clear()
        if first_error is not None:
            raise first_error
        return tuple(undone)

    def seen(self, over: Over = never) -> Receipt:
        """Probe once through the proxy."""
        verdict = self._fault.judge(self._fault.ask(self._target, over))
        return Receipt(fault=self._fault.name, seen=verdict.seen, how=verdict.how)
