"""The answer breaks off: some bytes, then the connection closes."""

from dataclasses import dataclass
from typing import ClassVar

from chaos.faults._toxics import ToxicsLive, Verdict, toxic_name
from chaos.probe import Over, Probe, probe
from chaos.settings import require_number
from chaos.target import ChaosTarget
from chaos.toxiproxy import Toxic

_REQUESTS_MAX = 50


@dataclass(frozen=True, kw_only=True)
class HalfAnswer:
    """Each connection carries ``answer_bytes`` of answers and is then closed.

    The bytes of HTTP heads count, and so do those of earlier answers on a kept-alive connection, from the
    moment that the fault is on. A Zep answer's head is about 150 bytes: the default breaks off in the body.
    """

    name: ClassVar[str] = "half-answer"
    says: ClassVar[str] = "answers break off after answer_bytes, HTTP head included"

    answer_bytes: int = 200
    probe_wait_s: float = 3.0

    def __post_init__(self) -> None:
        """Refuse counts and waits that are none."""
        require_number("answer_bytes", self.answer_bytes, low=1, high=100_000, whole=True)
        require_number("probe_wait_s", self.probe_wait_s, low=0.05, high=60)

    def toxics(self) -> tuple[Toxic, ...]:
        """Return the one toxic, on the answer."""
        return (
            Toxic(
                name=toxic_name(self.name, "downstream"),
                type="limit_data",
                stream="downstream",
                attributes={"bytes": self.answer_bytes},
            ),
        )

    def ask(self, target: ChaosTarget, over: Over) -> Probe:
        """Ask again and again over one connection: one short answer may fit within the limit."""
        return probe(target, wait_s=self.probe_wait_s, requests=_REQUESTS_MAX, over=over)

    def judge(self, result: Probe) -> Verdict:
        """A connection closed after just so many bytes is the receipt."""
        how = (
            f"a connection of our own got {result.bytes_received} bytes "
            f"of {self.answer_bytes} allowed, then: {result.ended}"
        )
        cut = result.ended in ("closed", "reset") and result.bytes_received == self.answer_bytes
        return Verdict(seen=cut, how=how)

    def on(self, target: ChaosTarget) -> ToxicsLive:
        """Return this fault for one target, not started."""
        return ToxicsLive(self, target)
