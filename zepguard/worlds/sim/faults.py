"""What the faults of ``zepguard chaos list`` do to a call on the wire: the same settings, interpreted in virtual time.

The faults that the fake Zep makes itself (a status, a lost answer) are put on it and judged by its journal.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

import httpx

from chaos.fakezep_admin import FaultSpec
from chaos.fault import Fault, Receipt
from chaos.faults.black_hole import BlackHole
from chaos.faults.drip import Drip
from chaos.faults.half_answer import HalfAnswer
from chaos.faults.latency import Latency
from chaos.faults.no_op import NoOp
from chaos.faults.refused import Refused
from chaos.faults.reset import Reset
from fakezep import AdminApi, FakeZep, Request
from zepguard.worlds.world import WorldError

__all__ = ["AnswerFault", "AnswersFault", "LiveSimFault", "WireCall", "WireFault", "wire_fault"]

_HEAD_BYTES = 150
"""Of a Zep answer on HTTP/1.1, about."""


class WireCall(Protocol):
    """A request under way."""

    def spend(self, seconds: float, *, at_a_time: float | None = None) -> None:
        """Let time pass; a timeout if the deadline comes first.

        Args:
            seconds: in all.
            at_a_time: how long each wait of it is, where bytes come in between; by default it is one wait.
        """

    def fail(self, kind: type[httpx.TransportError], why: str) -> httpx.TransportError:
        """The error that the SDK's client meets."""


class LiveSimFault(Protocol):
    """A fault that is on."""

    def seen(self) -> Receipt:
        """What it did so far."""

    def stop(self) -> None:
        """Take it off; what it did stays evidence."""


class WireFault:
    """A fault on the way to Zep or back. This one does nothing (``no-op``); the others say what they do.

    Args:
        settings: the fault as configured.
        rng: draws jitter.
    """

    def __init__(self, settings: Fault, rng: random.Random) -> None:
        self.name = settings.name
        self._rng = rng
        self.hits = 0

    def going(self, call: WireCall) -> None:
        """Act before the request reaches Zep."""

    def coming(self, call: WireCall, body_bytes: int) -> None:
        """Act while the answer comes back."""
        self.hits += 1


class _BlackHole(WireFault):
    def going(self, call: WireCall) -> None:
        self.hits += 1
        call.spend(math.inf)


class _Refused(WireFault):
    def going(self, call: WireCall) -> None:
        self.hits += 1
        raise call.fail(httpx.ConnectError, "[Errno 111] Connection refused")


class _Latency(WireFault):
    def __init__(self, settings: Latency, rng: random.Random) -> None:
        super().__init__(settings, rng)
        self._settings = settings

    def coming(self, call: WireCall, body_bytes: int) -> None:
        self.hits += 1
        jitter_ms = self._settings.jitter_ms
        drawn_ms = self._settings.latency_ms + (self._rng.uniform(-jitter_ms, jitter_ms) if jitter_ms else 0)
        call.spend(drawn_ms / 1000)


class _Reset(WireFault):
    def __init__(self, settings: Reset, rng: random.Random) -> None:
        super().__init__(settings, rng)
        self._settings = settings

    def going(self, call: WireCall) -> None:
        if self._settings.stream == "upstream":
            self._reset(call)

    def coming(self, call: WireCall, body_bytes: int) -> None:
        self._reset(call)

    def _reset(self, call: WireCall) -> None:
        self.hits += 1
        call.spend(self._settings.after_ms / 1000)
        raise call.fail(httpx.ReadError, "[Errno 104] Connection reset by peer")


class _Drip(WireFault):
    def __init__(self, settings: Drip, rng: random.Random) -> None:
        super().__init__(settings, rng)
        self._settings = settings

    def coming(self, call: WireCall, body_bytes: int) -> None:
        self.hits += 1
        slices = math.ceil((_HEAD_BYTES + body_bytes) / self._settings.slice_bytes)
        call.spend(slices * self._settings.every_ms / 1000, at_a_time=self._settings.every_ms / 1000)


class _HalfAnswer(WireFault):
    """Counts as Toxiproxy does, over the answers of one kept-alive connection."""

    def __init__(self, settings: HalfAnswer, rng: random.Random) -> None:
        super().__init__(settings, rng)
        self._left_at_first = self._left = settings.answer_bytes

    def coming(self, call: WireCall, body_bytes: int) -> None:
        self._left -= _HEAD_BYTES + body_bytes
        if self._left < 0:
            self.hits += 1
            self._left = self._left_at_first
            raise call.fail(httpx.RemoteProtocolError, "peer closed connection without sending complete message body")


_ON_WIRE: Mapping[type[Any], Callable[[Any, random.Random], WireFault]] = {
    NoOp: WireFault,
    BlackHole: _BlackHole,
    Refused: _Refused,
    Latency: _Latency,
    Reset: _Reset,
    Drip: _Drip,
    HalfAnswer: _HalfAnswer,
}


def wire_fault(settings: Fault, rng: random.Random) -> WireFault | None:
    """The fault on the wire that these settings mean; None for one that the fake Zep makes."""
    made = _ON_WIRE.get(type(settings))
    return None if made is None else made(settings, rng)


class AnswerFault(Protocol):
    """The settings of a fault that the fake Zep makes: what is asked of it, and what shows in its journal."""

    name: ClassVar[str]

    def spec(self) -> FaultSpec:
        """What is asked of the fake Zep."""

    def is_hit(self, entry: Any) -> bool:
        """Whether this entry shows the fault."""


class AnswersFault:
    """A fault that the fake Zep makes, put on through its own controls; its receipt is in the journal.

    Args:
        settings: the fault as configured.
        zep: the fake.
        clock: gives unix seconds.
    """

    def __init__(self, settings: AnswerFault, zep: FakeZep, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._zep = zep
        self._clock = clock
        self._since = zep.journal.last
        self._id = str(self._ask("POST", "/admin/faults", settings.spec().wire())["id"])

    def seen(self) -> Receipt:
        """Hits in the journal."""
        entries: list[Any] = list(self._zep.journal.since(self._since))
        hits = [entry for entry in entries if self._settings.is_hit(entry)]
        how = f"{len(hits)} hits in fakezep's journal"
        return Receipt(fault=self._settings.name, seen=bool(hits), how=how)

    def stop(self) -> None:
        """Take it off."""
        self._ask("DELETE", f"/admin/faults/{self._id}", {})

    def _ask(self, method: str, url: str, body: Mapping[str, object]) -> Mapping[str, Any]:
        request = Request.to(
            method, url, headers={"X-Admin-Key": self._zep.settings.admin_key}, body=json.dumps(body).encode()
        )
        response = AdminApi(self._zep).handle(request, self._clock())
        if response.status >= 400:
            raise WorldError(f"the fake Zep answered {method} {url} with {response.status}: {response.body.decode()}")
        told: Mapping[str, Any] = json.loads(response.body)
        return told
