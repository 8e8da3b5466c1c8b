"""Packets vanish in both directions, as with an iptables DROP: no refusal, no answer, only waiting."""

from dataclasses import dataclass
from typing import ClassVar

from chaos.faults._toxics import ToxicsLive, Verdict, toxic_name
from chaos.probe import Over, Probe, probe
from chaos.settings import require_number
from chaos.target import ChaosTarget
from chaos.toxiproxy import STREAMS, Toxic


@dataclass(frozen=True, kw_only=True)
class BlackHole:
    """Nothing arrives and nothing comes back, for as long as it is on.

    Two differences from a real DROP: the connection itself is still accepted (by the proxy), so it is the
    read that waits and not the connect; and taking the fault off cuts the connections that it held.
    Idle connections that send nothing meanwhile survive.
    """

    name: ClassVar[str] = "black-hole"
    says: ClassVar[str] = "packets vanish both ways; connections hang until the caller gives up"

    probe_wait_s: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a wait that is none."""
        require_number("probe_wait_s", self.probe_wait_s, low=0.05, high=60)

    def toxics(self) -> tuple[Toxic, ...]:
        """Return a ``timeout`` of 0, which never closes, for each direction."""
        return tuple(
            Toxic(name=toxic_name(self.name, stream), type="timeout", stream=stream, attributes={"timeout": 0})
            for stream in STREAMS
        )

    def ask(self, target: ChaosTarget, over: Over) -> Probe:
        """Ask, and wait in vain."""
        return probe(target, wait_s=self.probe_wait_s, over=over)

    def judge(self, result: Probe) -> Verdict:
        """Silence on an open connection is the receipt."""
        how = f"a connection of our own: {result.ended} for {result.took_s:.1f} s"
        return Verdict(seen=result.ended == "silent", how=how)

    def on(self, target: ChaosTarget) -> ToxicsLive:
        """Return this fault for one target, not started."""
        return ToxicsLive(self, target)
