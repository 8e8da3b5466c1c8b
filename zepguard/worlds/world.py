"""What a step may ask of the world it runs in. Times that steps pass are the checklist's own, in seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

__all__ = ["Checked", "CommandResult", "Metrics", "StoredMessage", "Turn", "World", "WorldError"]


class WorldError(Exception):
    """The world itself did not do what it should: neither passed nor failed, the scenario is void."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One message and what the person got for it; ``took_s`` is real seconds up to the whole answer."""

    message: str
    thread: str
    status: int
    reply: str
    memory: Mapping[str, Any] = field(default_factory=dict)
    took_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandResult:
    """What a command printed and how it ended."""

    code: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredMessage:
    """A message that Zep holds; ``at`` is when it was said, as Zep has it, in unix seconds (0: not known)."""

    role: str
    content: str
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Metrics:
    """One scrape: series (name and labels, as in the exposition) to value."""

    series: Mapping[str, float]

    def __getitem__(self, name: str) -> float:
        """The value of a series such as ``memory_zep_downgrades_total{reason="auth"}``.

        Raises:
            KeyError: with the names that begin alike.
        """
        if name not in self.series:
            family = name.partition("{")[0]
            alike = [one for one in self.series if one.startswith(family)]
            raise KeyError(f"no series {name}; there is {alike or 'nothing of that name'}")
        return self.series[name]


class World(Protocol):
    """A running chat product with guard, Zep and store, as people and operators meet it."""

    name: str

    def begin(self, scenario: str) -> None:
        """Note how the world is, before a scenario."""

    def end(self) -> None:
        """Leave the world as ``begin`` found it, with every accepted message delivered; else WorldError.

        A fault that is still on shows its receipt first: WorldError if it was never seen to act.
        """

    def say(self, message: str, *, thread: str) -> Turn:
        """Send a message as a person would, and wait for the whole answer."""

    def variables(self) -> Mapping[str, str]:
        """The variables as the workers would read them at their next start."""

    def set_variables(self, changes: Mapping[str, str]) -> None:
        """Write variables where the workers read them at their next start."""

    def restart_worker(self) -> None:
        """Restart the chat worker, and return when it is ready and runs with what was set."""

    def kill(self, program: str) -> None:
        """Kill a program as the kernel would, and return when its supervisor has started it again."""

    def put_back_release_before(self) -> str:
        """Have the app's programs run the code of the release before; what shows that they do, in a sentence."""

    def put_back_this_release(self) -> None:
        """Have them run this code again."""

    def zep_mode(self, *arguments: str) -> CommandResult:
        """Run ``python manage.py zep_mode`` with these arguments."""

    def status(self) -> Mapping[str, Any]:
        """What ``zep_mode --status --json`` would say, without running the command."""

    def metrics(self) -> Metrics:
        """Scrape ``/api/metrics/``."""

    def log_events(self) -> Sequence[Mapping[str, Any]]:
        """The lines of ``logs/app.log`` since the scenario began."""

    def thread_id(self, thread: str) -> str:
        """The id under which Zep knows a thread that a scenario calls ``thread``."""

    def start_fault(self, name: str, **settings: float | str) -> None:
        """Put a fault on, by its name in ``zepguard chaos list``."""

    def stop_faults(self) -> None:
        """Take every fault off; WorldError if one was never seen to act."""

    def requests_to_zep(self, *, route: str = "", thread: str = "") -> int:
        """Requests that reached Zep since the scenario began, by its journal."""

    def stored_messages(self, thread: str) -> Sequence[StoredMessage]:
        """What Zep holds of a thread, oldest first."""

    def is_known_to_zep(self, text: str) -> bool:
        """Whether a text occurs in anything that Zep holds or has noted."""

    def key_refused(self) -> str:
        """How Zep was seen to refuse a key since the scenario began, in a sentence; empty if it was not."""

    def read_context(self, thread: str, *, person: str) -> str:
        """What the guard would give a chat worker for this person and thread: the context's text, or nothing."""

    def read_contexts_at_once(self, threads: Sequence[str], *, person: str) -> int:
        """Have the guard asked for all these threads at the same time; gives how many of the reads went to Zep."""

    def processes(self) -> Mapping[str, int]:
        """The pid of each of the product's own processes."""

    def wait(self, seconds: float) -> None:
        """Let so much of the checklist's time pass."""

    def held_s(self, seconds: float) -> float:
        """How long a hold or TTL of the checklist's ``seconds`` lasts in this world, seconds."""

    def within(self, seconds: float) -> Patience:
        """Patience for what happens by itself, such as a delivery: to be asked ``while`` it is not so yet."""

    def saw(self, evidence: str) -> None:
        """Note what was seen, for the report."""


@runtime_checkable
class Checked(Protocol):
    """A world that checks the guard's rules, which stand in Lua and in Python, against one another."""

    def differences(self) -> Sequence[str]:
        """Where the two came to different ends since last asked, a sentence each."""


class Patience(Protocol):
    """Asks the world to go on until a condition holds or time is up."""

    def left(self) -> bool:
        """Let a moment pass; whether there was time left before it."""
