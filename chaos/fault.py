"""What a fault is: frozen settings, and on a target start, stop, and a receipt that it happened.

settings        fault = Latency(latency_ms=500)      refused here, by name, if they cannot be
on a target     live = fault.on(target)              nothing happens yet
start           live.start()                         in force when it returns
receipt         live.seen()                          our own evidence, not the fault's word
stop            live.stop()                          twice, or after half a start: always safe
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

from chaos.probe import Over, never
from chaos.target import ChaosTarget


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """How we see that a fault happened, in a sentence; with ``seen`` False, what we saw instead."""

    fault: str
    seen: bool
    how: str


class LiveFault(Protocol):
    """A fault on its target. Not for use from two threads at once."""

    @property
    def did(self) -> tuple[str, ...]:
        """What start has done so far, a phrase each."""

    def start(self) -> None:
        """Put the fault on, in force on return. If it raises, stop takes off the half that is on."""

    def stop(self) -> tuple[str, ...]:
        """Take the fault off and return what was undone, a phrase each; what is already gone is no error.

        Raises ChaosError when something may still be on; all the rest has been undone by then.
        """

    def seen(self, over: Over = never) -> Receipt:
        """Return evidence that the fault is on, or that there is none; raises nothing for what is away.

        It gives up soon after ``over`` is true; what it then saw is no evidence.
        """


class Fault(Protocol):
    """A fault's settings. A class of this kind is a frozen, keyword-only dataclass that checks itself."""

    name: ClassVar[str]
    says: ClassVar[str]

    def on(self, target: ChaosTarget) -> LiveFault:
        """Return this fault for one target, not started."""
