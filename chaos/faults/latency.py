"""Answers come late by a set time, give or take a jitter."""

from dataclasses import dataclass
from typing import ClassVar

from chaos.errors import SettingRefused
from chaos.faults._toxics import ToxicsLive, Verdict, toxic_name
from chaos.probe import Over, Probe, probe
from chaos.settings import require_number
from chaos.target import ChaosTarget
from chaos.toxiproxy import Toxic


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Each chunk of an answer waits ``latency_ms``, plus or minus up to ``jitter_ms``; no request does."""

    name: ClassVar[str] = "latency"
    says: ClassVar[str] = "answers come late: latency_ms, give or take jitter_ms"

    latency_ms: int = 1_000
    jitter_ms: int = 0

    def __post_init__(self) -> None:
        """Refuse times that are none, and a jitter that would reach below zero."""
        require_number("latency_ms", self.latency_ms, low=1, high=600_000, whole=True)
        require_number("jitter_ms", self.jitter_ms, low=0, high=600_000, whole=True)
        if self.jitter_ms > self.latency_ms:
            raise SettingRefused("jitter_ms", self.jitter_ms, f"give at most latency_ms, which is {self.latency_ms}")

    def toxics(self) -> tuple[Toxic, ...]:
        """Return the one toxic, on the answer."""
        attributes = {"latency": self.latency_ms, "jitter": self.jitter_ms}
        return (
            Toxic(
                name=toxic_name(self.name, "downstream"),
                type="latency",
                stream="downstream",
                attributes=attributes,
            ),
        )

    def ask(self, target: ChaosTarget, over: Over) -> Probe:
        """Ask, and wait well past the latest time that it can take."""
        return probe(target, wait_s=(self.latency_ms + self.jitter_ms) / 1_000 + 2, over=over)

    def judge(self, result: Probe) -> Verdict:
        """A first byte no earlier than the settings allow is the receipt.

        It cannot tell this latency from a Zep that is as slow by itself.
        """
        earliest_s = (self.latency_ms - self.jitter_ms) / 1_000
        if result.first_byte_s is None:
            return Verdict(seen=False, how=f"a request of our own got no answer: {result.ended}")
        how = (
            f"a request of our own got its first byte after {result.first_byte_s * 1_000:.0f} ms "
            f"(earliest expected: {earliest_s * 1_000:.0f} ms)"
        )
        return Verdict(seen=result.first_byte_s >= earliest_s, how=how)

    def on(self, target: ChaosTarget) -> ToxicsLive:
        """Return this fault for one target, not started."""
        return ToxicsLive(self, target)
