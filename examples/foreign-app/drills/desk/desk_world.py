"""A world for the help desk: the guard with a store in this process, a stub in Zep's place, time that only we move.

A world has the methods of ``zepguard.worlds.World``, or those of them that the phrases in use ask for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from helpdesk import Desk

from guard import MemoryService, read_settings
from guard.core.table import Outcome
from guard.metrics.exposition import render
from guard.operator import Operator
from guard.store.memory import MemoryStore
from guard.zep.calls import Answer, OutgoingMessage, StoredMessage, ZepFailure
from zepguard.worlds.scrape import read_metrics
from zepguard.worlds.world import CommandResult, Metrics, Turn

PERSON = "drill-person"


class Clock:
    """Seconds that pass when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def time(self) -> float:
        """Seconds."""
        return self.now_s

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds


class StubZep:
    """Remembers one thing of everybody; does not answer while ``blocked``."""

    def __init__(self, clock: Clock, timeout_s: float) -> None:
        self._clock = clock
        self._timeout_s = timeout_s
        self.blocked = False
        self.blocked_calls = 0

    def read_context(self, thread_id: str) -> Answer:
        """Give what is known, or time out."""
        if self.blocked:
            self.blocked_calls += 1
            self._clock.sleep(self._timeout_s)
            raise ZepFailure(Outcome.TIMEOUT, "no answer")
        return Answer(text="you ordered a blue lamp")

    # The desk only reads.

    def add_messages(self, thread_id: str, messages: Sequence[OutgoingMessage]) -> None:
        """Not asked for."""
        raise NotImplementedError

    def newest_messages(self, thread_id: str, count: int) -> list[StoredMessage]:
        """Not asked for."""
        raise NotImplementedError

    def ensure_user(self, user_id: str) -> None:
        """Not asked for."""
        raise NotImplementedError

    def ensure_thread(self, thread_id: str, user_id: str) -> bool:
        """Not asked for."""
        raise NotImplementedError

    def delete_user(self, user_id: str) -> None:
        """Not asked for."""
        raise NotImplementedError


class DeskWorld:
    """The help desk, as the phrases meet it."""

    name = "helpdesk"

    def __init__(self) -> None:
        self.evidence: list[str] = []
        self.clock = Clock()
        flags = {"ZEP_ENABLED": "true", "FLAG_ZEP_WRITE": "true", "FLAG_ZEP_READ": "true", "ZEP_API_KEY": "stub"}
        settings = read_settings(flags)
        store = MemoryStore(settings.policy, clock=self.clock.time)
        self.zep = StubZep(self.clock, settings.timeout_s)
        self.memory = MemoryService(
            settings, program="helpdesk", store=lambda: store, zep=lambda: self.zep, monotonic=self.clock.time
        )
        self.desk = Desk(self.memory)

    # A scenario's frame: each scenario has a new world, so there is nothing to put back.

    def begin(self, scenario: str) -> None:
        """A scenario begins."""

    def end(self) -> None:
        """A scenario has ended."""

    # People and operators.

    def say(self, message: str, *, thread: str) -> Turn:
        """Ask the desk."""
        began = self.clock.time()
        answer = self.desk.ask(PERSON, thread, message)
        return Turn(
            message=message,
            thread=thread,
            status=200,
            reply=answer.text,
            memory={"used": answer.remembered},
            took_s=self.clock.time() - began,
        )

    def zep_mode(self, *arguments: str) -> CommandResult:
        """An app without Django has no ``zep_mode``; the guard's ``Operator`` is the same in Python."""
        if arguments != ("--status",):
            raise NotImplementedError(f"zep_mode {' '.join(arguments)}")
        return CommandResult(code=0, text="\n".join(Operator(self.memory).status().lines()))

    def status(self) -> Mapping[str, Any]:
        """The same, for programs."""
        return Operator(self.memory).status().as_json()

    def metrics(self) -> Metrics:
        """What a scrape would show."""
        body, _ = render(self.memory)
        return read_metrics(body.decode())

    def processes(self) -> Mapping[str, int]:
        """It has none of its own."""
        return {}

    # Faults.

    def start_fault(self, name: str, **settings: float) -> None:
        """Only the one that our feature uses."""
        assert name == "black-hole", f"this world has no fault {name}"
        self.zep.blocked = True

    def stop_faults(self) -> None:
        """A fault that nobody met has proven nothing."""
        assert self.zep.blocked_calls, "the block was never seen to act"
        self.zep.blocked = False
        self.saw(f"the block acted on {self.zep.blocked_calls} calls to Zep")

    # Time.

    def wait(self, seconds: float) -> None:
        """Takes none of yours."""
        self.clock.sleep(seconds)

    def held_s(self, seconds: float) -> float:
        """Holds are as long as the feature says."""
        return seconds

    def saw(self, evidence: str) -> None:
        """Note it for the report."""
        self.evidence.append(evidence)
