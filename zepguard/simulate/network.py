"""The way to the store in virtual time: each command is a step of its own, whatever store sends it.

A request travels, is carried out at one instant, and its answer travels back. On a bad day (``store_refuses``) there is
no connection; (``store_silent``) the request is lost; (``store_unheard``) it is carried out and the answer is lost;
(``store_late``) it is carried out after its sender has given up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

import fakeredis
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from zepguard.simulate.plan import Fault
from zepguard.simulate.server import Connection, Server
from zepguard.simulate.timeline import Timeline

__all__ = ["Caller", "Network", "client"]

_FASTEST_S, _SLOWEST_S = 0.0002, 0.002
_REFUSED_AFTER_S = 0.0005


class Caller(Protocol):
    """Whose command it is."""

    @property
    def rng(self) -> Random:
        """Draws what becomes of its commands."""

    @property
    def process(self) -> str:
        """Name of the process."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """What a connection needs to know of the run.

    Attributes:
        timeline: passes the time.
        timeout_s: longest wait for an answer.
        faults: gives the faults in force, by the first letters of their kind.
        caller: gives who is calling.
        carried_out: told after each command that reached the server, with a name for the call it belongs to.
        call: gives that name.
    """

    timeline: Timeline
    timeout_s: float
    faults: Callable[[str, str], list[Fault]]
    caller: Callable[[], Caller]
    call: Callable[[], Any]
    carried_out: Callable[[Any], None]


def client(server: Server, network: Network) -> redis.Redis:
    """Make a client as ``guard.store.shared.connect`` does, over the virtual network."""
    server.network = network
    return fakeredis.FakeRedis(
        server=server, decode_responses=True, connection_class=_Connection, retry=Retry(NoBackoff(), 0)
    )


class _Connection(Connection):
    _shaking_hands = False

    @property
    def _network(self) -> Network:
        network: Network = self._server.network
        return network

    def connect(self) -> None:
        """Take no time: what a new connection says first is no part of the guard."""
        self._shaking_hands = True
        try:
            super().connect()
        finally:
            self._shaking_hands = False

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        if self._shaking_hands:
            super().send_packed_command(command, check_health)  # type: ignore[no-untyped-call]
            return
        network = self._network
        caller = network.caller()
        fault = _drawn(network.faults("store_", caller.process), caller.rng)
        if fault is not None:
            self._go_wrong(fault, command, network)
        there_s = caller.rng.uniform(_FASTEST_S, _SLOWEST_S)
        back_s = caller.rng.uniform(_FASTEST_S, _SLOWEST_S)
        network.timeline.sleep(there_s)
        self._carry_out(command, network.call())
        network.timeline.sleep(back_s)

    def _carry_out(self, command: Any, call: Any) -> None:
        super().send_packed_command(command, False)  # type: ignore[no-untyped-call]
        self._network.carried_out(call)

    def _go_wrong(self, fault: Fault, command: Any, network: Network) -> None:
        if fault.kind == "store_refuses":
            network.timeline.sleep(_REFUSED_AFTER_S)
            self.disconnect()  # type: ignore[no-untyped-call]
            raise redis.ConnectionError("connection refused")
        call = network.call()
        if fault.kind == "store_unheard":
            arrives_s = network.caller().rng.uniform(_FASTEST_S, _SLOWEST_S)
            network.timeline.sleep(arrives_s)
            self._carry_out(command, call)
            network.timeline.sleep(network.timeout_s - arrives_s)
        else:
            if fault.kind == "store_late":
                self._carry_out_late(command, call, network.timeout_s + fault.value)
            network.timeline.sleep(network.timeout_s)
        self.disconnect()  # type: ignore[no-untyped-call]
        raise redis.TimeoutError("no answer in time")

    def _carry_out_late(self, command: Any, call: Any, after_s: float) -> None:
        """The server reads what it was sent, although nobody waits for the answer."""
        other = type(self)(**self._made_with)
        other.connect()
        self._network.timeline.after(after_s, lambda: other._carry_out(command, call))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._made_with = kwargs
        super().__init__(*args, **kwargs)


def _drawn(faults: list[Fault], rng: Random) -> Fault | None:
    """The first fault that hits; one draw a command whatever is in force, so that others' draws stay as they are."""
    luck = rng.random()
    return next((fault for fault in faults if luck < fault.share), None)
