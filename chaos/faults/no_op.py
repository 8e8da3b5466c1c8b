"""A fault that does nothing: the example to copy, and a rehearsal of the whole way without harm.

A fault is two classes in one file. The settings are frozen and check themselves; `on` gives them a target.
The live one starts, stops and shows a receipt, and keeps these promises:

1. `stop` undoes also what `start` asked for and never saw confirmed: it goes by a fixed name, or by what
   `start` noted *before* it asked.
2. `stop` may be called before, halfway through, after, and twice. What is already gone is no error.
3. `seen` brings evidence from outside the fault: a connection that was refused, an entry in a journal.
   "I asked for it" is no evidence. The no-op has none to bring, so its receipt is that nothing is wrong.
"""

from dataclasses import dataclass
from typing import ClassVar

from chaos.fault import Receipt
from chaos.probe import Over, never, probe
from chaos.settings import require_number
from chaos.target import ChaosTarget


@dataclass(frozen=True, kw_only=True)
class NoOp:
    """Nothing: traffic passes as ever."""

    name: ClassVar[str] = "no-op"
    says: ClassVar[str] = "nothing at all; a rehearsal"

    probe_wait_s: float = 2.0

    def __post_init__(self) -> None:
        """Refuse a wait that is none."""
        require_number("probe_wait_s", self.probe_wait_s, low=0.05, high=60)

    def on(self, target: ChaosTarget) -> "NoOpLive":
        """Return this fault for one target, not started."""
        return NoOpLive(self, target)


class NoOpLive:
    """The no-op on its target."""

    def __init__(self, fault: NoOp, target: ChaosTarget) -> None:
        """Do nothing yet."""
        self._fault = fault
        self._target = target
        self._on = False

    @property
    def did(self) -> tuple[str, ...]:
        """Say that nothing was started."""
        return ("nothing",) if self._on else ()

    def start(self) -> None:
        """Note that it is on."""
        self._on = True

    def stop(self) -> tuple[str, ...]:
        """Note that it is off."""
        undone = self.did
        self._on = False
        return undone

    def seen(self, over: Over = never) -> Receipt:
        """Ask once through the proxy: an answer is the receipt."""
        result = probe(self._target, wait_s=self._fault.probe_wait_s, over=over)
        how = f"a request of our own through the proxy: {result.ended}, status {result.status}"
        return Receipt(fault=self._fault.name, seen=result.ended == "answered", how=how)
