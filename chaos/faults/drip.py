"""The answer trickles, about a byte at a time: no read ever times out, and the answer never ends."""

from dataclasses import dataclass
from typing import ClassVar

from chaos.faults._toxics import ToxicsLive, Verdict, toxic_name
from chaos.probe import Over, Probe, probe
from chaos.settings import require_number
from chaos.target import ChaosTarget
from chaos.toxiproxy import Toxic


@dataclass(frozen=True, kw_only=True)
class Drip:
    """``slice_bytes`` of the answer each ``every_ms``.

    It is Toxiproxy's ``slicer``, alone. Its ``bandwidth`` cannot do it: the least it knows is 1,000 bytes a
    second. Slices of one byte come out as asked for; longer ones are cut somewhat shorter by Toxiproxy.
    """

    name: ClassVar[str] = "drip"
    says: ClassVar[str] = "answers trickle: slice_bytes each every_ms"

    slice_bytes: int = 1
    every_ms: int = 1_000

    def __post_init__(self) -> None:
        """Refuse slices and pauses that are none."""
        require_number("slice_bytes", self.slice_bytes, low=1, high=1_000, whole=True)
        require_number("every_ms", self.every_ms, low=1, high=60_000, whole=True)

    def toxics(self) -> tuple[Toxic, ...]:
        """Return the one toxic, on the answer; its delay is in microseconds."""
        attributes = {
            "average_size": self.slice_bytes,
            "size_variation": 0,
            "delay": self.every_ms * 1_000,
        }
        return (
            Toxic(
                name=toxic_name(self.name, "downstream"),
                type="slicer",
                stream="downstream",
                attributes=attributes,
            ),
        )

    def ask(self, target: ChaosTarget, over: Over) -> Probe:
        """Read for two and a half pauses, at least 0.2 s."""
        return probe(target, wait_s=max(2.5 * self.every_ms / 1_000, 0.2), over=over)

    def judge(self, result: Probe) -> Verdict:
        """A few bytes, more than none and no more than the pace allows, and no end of it: the receipt."""
        slices_max = result.took_s * 1_000 / self.every_ms + 2
        slow = 0 < result.bytes_received <= slices_max * self.slice_bytes
        how = f"a request of our own got {result.bytes_received} bytes in {result.took_s:.1f} s: {result.ended}"
        return Verdict(seen=result.ended == "incomplete" and slow, how=how)

    def on(self, target: ChaosTarget) -> ToxicsLive:
        """Return this fault for one target, not started."""
        return ToxicsLive(self, target)
