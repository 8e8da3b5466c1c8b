"""The SDK's transport: respx takes each request, the fake Zep's core answers it, and virtual time passes meanwhile."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import cast

import httpx
import respx

from chaos.fault import Fault, Receipt
from fakezep import Delivery, Exchange, FakeZep, Request, Response
from guard.zep import deadline
from zepguard.worlds.sim.clock import STEPS_A_SECOND, VirtualClock
from zepguard.worlds.sim.faults import AnswerFault, AnswersFault, LiveSimFault, WireFault, wire_fault

__all__ = ["ZEP_HOST", "Wire"]

ZEP_HOST = "zep.sim"

_FOR_EVER_S = 86_400.0
"""After which a call without any deadline is given up here: a world must come to its end."""


class Wire:
    """Between the SDK and the fake Zep.

    Args:
        zep: answers.
        clock: passes the time that a call takes.
        rng: draws jitter.
    """

    def __init__(self, zep: FakeZep, clock: VirtualClock, rng: random.Random) -> None:
        self._zep = zep
        self._clock = clock
        self._rng = rng
        self._faults: list[WireFault] = []

    def transport(self) -> httpx.BaseTransport:
        """A transport for one SDK client. Its waits end as the guard's own deadline and the client's timeouts say."""
        router = respx.Router(assert_all_called=False)
        router.route(host=ZEP_HOST).mock(side_effect=self.carry)
        router.route().mock(side_effect=httpx.ConnectError("[Errno -2] Name or service not known"))
        return httpx.MockTransport(router.handler)

    def start_fault(self, settings: Fault) -> LiveSimFault:
        """Put a fault on, in force at once."""
        found = wire_fault(settings, self._rng)
        if found is None:
            return AnswersFault(cast(AnswerFault, settings), self._zep, self._clock.time)
        self._faults.append(found)
        return _OnWire(found, self._faults.remove)

    def carry(self, request: httpx.Request) -> httpx.Response:
        """Have the fake Zep answer one request, in virtual time; raises what httpx's transports raise."""
        call = _Call(request, self._clock)
        for fault in list(self._faults):
            fault.going(call)
        began = self._clock.monotonic()
        exchange = self._zep.handle(_as_zep_reads(call.request), self._clock.time())
        try:
            response = self._delivered(call, exchange)
            for fault in list(self._faults):
                fault.coming(call, len(response.body))
        finally:
            self._zep.finish(exchange, self._clock.monotonic() - began)
        return httpx.Response(response.status, headers=list(response.headers), content=response.body)

    def _delivered(self, call: _Call, exchange: Exchange) -> Response:
        call.spend(exchange.delay_s)
        if exchange.delivery is Delivery.LATER:
            return self._delivered(call, self._zep.resume(exchange, self._clock.time()))
        if exchange.response is None:
            raise call.fail(httpx.RemoteProtocolError, "Server disconnected without sending a response.")
        if exchange.delivery is Delivery.DRIP:
            call.spend(len(exchange.response.body) * exchange.interval_s, at_a_time=exchange.interval_s)
        elif exchange.delivery is Delivery.HALF:
            raise call.fail(httpx.RemoteProtocolError, "peer closed connection without sending complete message body")
        return exchange.response


class _Call:
    """A request under way. How long it may wait is what the guard's own code says, as on a real connection."""

    def __init__(self, request: httpx.Request, clock: VirtualClock) -> None:
        self.request = request
        self._clock = clock
        self._a_wait = request.extensions.get("timeout", {}).get("read")

    def spend(self, seconds: float, *, at_a_time: float | None = None) -> None:
        wait = seconds if at_a_time is None else at_a_time
        timeout = self._a_wait if self._a_wait is not None and wait > self._a_wait else None
        left = deadline.left(timeout, httpx.ReadTimeout)
        if left is None:
            left = math.inf
        elif left < math.inf:
            left = round(left * STEPS_A_SECOND) / STEPS_A_SECOND  # frozen clocks count in microseconds
        if seconds <= left and not math.isinf(seconds):
            self._clock.sleep(seconds)
            return
        self._clock.sleep(min(left, _FOR_EVER_S))
        raise self.fail(httpx.ReadTimeout, "timed out")

    def fail(self, kind: type[httpx.TransportError], why: str) -> httpx.TransportError:
        return kind(why, request=self.request)


class _OnWire:
    """A fault of the wire that is on."""

    def __init__(self, fault: WireFault, take_off: Callable[[WireFault], None]) -> None:
        self._fault = fault
        self._take_off = take_off
        self._on = True

    def seen(self) -> Receipt:
        how = f"it acted on {self._fault.hits} calls to Zep"
        return Receipt(fault=self._fault.name, seen=self._fault.hits > 0, how=how)

    def stop(self) -> None:
        if self._on:
            self._take_off(self._fault)
            self._on = False


def _as_zep_reads(request: httpx.Request) -> Request:
    path, _, query = request.url.raw_path.decode("ascii").partition("?")
    return Request(
        method=request.method, path=path, query=query, headers=dict(request.headers.items()), body=request.read()
    )
