"""The connection is torn down with a TCP reset instead of an answer."""

from dataclasses import dataclass
from typing import ClassVar

from chaos.faults._toxics import ToxicsLive, Verdict, toxic_name
from chaos.probe import Over, Probe, probe
from chaos.settings import require_number, require_one_of
from chaos.target import ChaosTarget
from chaos.toxiproxy import STREAMS, Stream, Toxic


@dataclass(frozen=True, kw_only=True)
class Reset:
    """A reset ``after_ms`` after the first bytes of the answer (``downstream``) or request (``upstream``).

    With ``downstream`` Zep has had the request, and a write is done; with ``upstream`` it never arrives.
    Only connections opened while the fault is on are *reset*: Toxiproxy sets that up when it accepts one.
    Older ones are closed in order at their next bytes.
    """

    name: ClassVar[str] = "reset"
    says: ClassVar[str] = "connections are reset (RST) instead of answered"

    stream: Stream = "downstream"
    after_ms: int = 0
    probe_wait_s: float = 2.0

    def __post_init__(self) -> None:
        """Refuse an unknown direction and times that are none."""
        require_one_of("stream", self.stream, STREAMS)
        require_number("after_ms", self.after_ms, low=0, high=60_000, whole=True)
        require_number("probe_wait_s", self.probe_wait_s, low=0.05, high=60)

    def toxics(self) -> tuple[Toxic, ...]:
        """Return the one toxic."""
        name = toxic_name(self.name, self.stream)
        return (Toxic(name=name, type="reset_peer", stream=self.stream, attributes={"timeout": self.after_ms}),)

    def ask(self, target: ChaosTarget, over: Over) -> Probe:
        """Ask over a new connection."""
        return probe(target, wait_s=self.probe_wait_s + self.after_ms / 1_000, over=over)

    def judge(self, result: Probe) -> Verdict:
        """A reset is the receipt; an orderly close is none."""
        how = f"a connection of our own ended after {result.took_s * 1_000:.0f} ms: {result.ended}"
        return Verdict(seen=result.ended == "reset", how=how)

    def on(self, target: ChaosTarget) -> ToxicsLive:
        """Return this fault for one target, not started."""
        return ToxicsLive(self, target)
