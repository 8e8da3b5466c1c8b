"""What happens in a run, drawn from its seed before it begins: values that can be left out one by one.

How long each call takes, and which of them a fault hits, is drawn as the run goes, from a source that belongs to the
turn or the delivery that makes the call: leaving out one thing leaves the others as they were.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from guard.core.settings import Settings, read_settings
from zepguard.history.checking import Rules

__all__ = ["Burst", "Fault", "Flush", "Force", "Item", "Kill", "MoveClock", "Plan", "Process", "Size", "Turn", "draw"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """A process of the fleet: a ``chat`` worker, or one that ``deliver``s."""

    name: str
    base: str
    delivers: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """A person says something, and gets a reply ``reply_after_s`` after the context.

    ``secret`` is what the text has of personal data; ``refused``: Zep will never take it; ``cancel_after_s``: the turn
    is cancelled if its read takes longer (0: it is not).
    """

    at: float
    process: str
    user: str
    thread: str
    secret: str = ""
    refused: bool = False
    reply_after_s: float = 0.2
    cancel_after_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """A share of the calls of ``kind`` goes wrong for a while; ``process`` is whose, or all.

    ``value`` in seconds where a kind has one: a late landing, ``Retry-After``.
    """

    at: float
    kind: str
    for_s: float
    share: float
    process: str = ""
    value: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Kill:
    """A process is killed, and started again after a while."""

    at: float
    process: str
    restart_after_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class MoveClock:
    """The wall clock of a process, or of the ``store``, is set."""

    at: float
    whose: str
    by_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Flush:
    """The store loses everything."""

    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Force:
    """An operator acts: ``force``, ``clear`` or ``reset_failures``."""

    at: float
    action: str
    ttl_s: float = 0.0


Item = Turn | Fault | Kill | MoveClock | Flush | Force


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """One run: who takes part, with which settings, and what happens until ``ends_at`` (seconds)."""

    seed: int
    variables: tuple[tuple[str, str], ...]
    processes: tuple[Process, ...]
    items: tuple[Item, ...]
    ends_at: float

    @property
    def settings(self) -> Settings:
        """What the guard makes of the variables."""
        return read_settings(dict(self.variables))

    @property
    def rules(self) -> Rules:
        """What a run with these settings is promised."""
        settings = self.settings
        return Rules(
            hold_s=settings.hold_s,
            lease_s=settings.policy.lease_s,
            failure_threshold=settings.failure_threshold,
            witnesses=settings.witnesses,
            deadline_s=settings.timeout_s,
            settle_s=settings.outbox_settle_s,
            breaker_open_s=settings.breaker_open_s,
            store_answer_s=settings.store_timeout_ms / 1000,
        )

    def with_items(self, items: tuple[Item, ...]) -> Plan:
        """The same with other things happening."""
        return replace(self, items=items)


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """How much happens in a run, at most."""

    bursts: int = 6
    turns_a_burst: int = 6
    faults: int = 6


@dataclass(frozen=True, slots=True)
class Burst:
    """Where and when several people speak at once."""

    at: float
    spread_s: float
    turns: int


_EMAILS = ("ayse.kaya@example.com", "j.smith+chat@mail.example.org", "info@kibris.example.net")
_PHONES = ("+90 532 123 45 67", "+44 20 7946 0958", "+1 212 555 0187")

ZEP_FAULTS = (
    "read_timeout",
    "read_timeout",
    "read_error",
    "read_unreachable",
    "read_wrong_shape",
    "read_slow",
    "unauthorized",
    "forbidden",
    "rate_limited",
    "write_lost",
    "write_late",
    "write_late",
    "write_cut",
    "write_error",
    "write_wrong_shape",
    "write_unreachable",
)
"""Kinds of ``Fault`` at Zep, each drawn as often as it stands here; ``zepguard.simulate.zep`` says what it does."""

STORE_FAULTS = ("store_refuses", "store_silent", "store_unheard", "store_late")
"""Kinds of ``Fault`` on the way to the store; see ``zepguard.simulate.network``."""


def draw(seed: int, size: Size | None = None) -> Plan:
    """Draw the plan of a seed."""
    size = size or Size()
    rng = Random(f"zepguard plan {seed}")
    variables = _variables(rng)
    plan = Plan(seed=seed, variables=variables, processes=(), items=(), ends_at=0.0)
    rules = plan.rules
    processes = _processes(rng)
    ends_at = rng.uniform(25.0, 25.0 + 3 * rules.hold_s)
    bursts = _bursts(rng, size, ends_at)
    items: list[Item] = []
    for burst in bursts:
        items += _turns(rng, burst, processes)
    for _ in range(rng.randint(1, size.faults)):
        items.append(_fault(rng, rules, bursts, processes, ends_at))
    items += _mishaps(rng, rules, processes, ends_at)
    items.sort(key=lambda item: item.at)
    return replace(plan, processes=processes, items=tuple(items), ends_at=ends_at)


def _variables(rng: Random) -> tuple[tuple[str, str], ...]:
    """Trends are left out: their minutes are longer than any run."""
    cache_fresh_s = rng.choice((0, 0, 0, 2, 60))
    values = {
        "ZEP_ENABLED": "true",
        "FLAG_ZEP_WRITE": "true",
        "FLAG_ZEP_READ": "true",
        "ZEP_API_KEY": "a-key",
        "ZEP_TIMEOUT_MS": rng.choice((300, 800, 1500)),
        "ZEPGUARD_HOLD_S": rng.choice((5, 10, 20, 40)),
        "ZEPGUARD_FAILURE_THRESHOLD": rng.choice((1, 2, 3, 3)),
        "ZEP_FAILURE_WITNESSES": rng.choice((1, 1, 1, 2)),
        "ZEPGUARD_NEGATIVE_S": rng.choice((0.01, 1.5)),
        "ZEPGUARD_BREAKER_OPEN_S": rng.choice((2, 10)),
        "ZEPGUARD_CALLS_MAX": rng.choice((1, 3, 32, 32)),
        "ZEPGUARD_CACHE_FRESH_S": cache_fresh_s,
        "ZEPGUARD_CACHE_STALE_S": max(cache_fresh_s, rng.choice((1, 600))),
        "ZEPGUARD_TREND_MINUTE_S": 3600,
        "ZEPGUARD_OUTBOX_SETTLE_S": rng.choice((3, 6, 12)),
        "ZEPGUARD_OUTBOX_BACKOFF_S": rng.choice((0.1, 1)),
        "ZEPGUARD_OUTBOX_BACKOFF_MAX_S": rng.choice((2, 5)),
    }
    return tuple((name, str(value)) for name, value in values.items())


def _processes(rng: Random) -> tuple[Process, ...]:
    bases = ["read_write"] * rng.randint(2, 4)
    if rng.random() < 0.15:
        bases[rng.randrange(len(bases))] = rng.choice(("write_only", "off"))
    chat = [Process(name=f"chat{number}", base=base) for number, base in enumerate(bases, 1)]
    deliver = [
        Process(name=f"deliver{number}", base="read_write", delivers=True) for number in range(1, rng.randint(1, 2) + 1)
    ]
    return (*chat, *deliver)


def _bursts(rng: Random, size: Size, ends_at: float) -> list[Burst]:
    """Most are so narrow that the steps of several turns fall between one another."""
    return [
        Burst(
            at=rng.uniform(0.5, ends_at - 2.0),
            spread_s=rng.choice((0.0002, 0.001, 0.001, 0.003, 0.5, 3.0)),
            turns=rng.randint(2, size.turns_a_burst),
        )
        for _ in range(rng.randint(3, size.bursts))
    ]


def _turns(rng: Random, burst: Burst, processes: tuple[Process, ...]) -> list[Item]:
    chat = [process for process in processes if not process.delivers]
    return [
        Turn(
            at=burst.at + rng.uniform(0, burst.spread_s),
            process=rng.choice(chat).name,
            user=(user := f"u{rng.randint(1, 3)}"),
            thread=f"{user}-t{rng.randint(1, 2)}",
            secret=rng.choice((*_EMAILS, *_PHONES)) if rng.random() < 0.2 else "",
            refused=rng.random() < 0.04,
            reply_after_s=rng.uniform(0.01, 0.5),
            cancel_after_s=rng.uniform(0.001, 0.3) if rng.random() < 0.08 else 0.0,
        )
        for _ in range(burst.turns)
    ]


def _fault(rng: Random, rules: Rules, bursts: list[Burst], processes: tuple[Process, ...], ends_at: float) -> Fault:
    """Most begin just before people speak: where nobody calls, no fault is seen."""
    at = rng.choice(bursts).at - rng.uniform(0, 0.5) if rng.random() < 0.8 else rng.uniform(0, ends_at)
    kind = rng.choice(STORE_FAULTS) if rng.random() < 0.3 else rng.choice(ZEP_FAULTS)
    one = rng.choice(processes).name if rng.random() < 0.3 else ""
    return Fault(
        at=max(at, 0.0),
        kind=kind,
        for_s=rng.choice((0.3, 1.5, 5.0, rules.hold_s)),
        share=rng.choice((0.3, 1.0, 1.0)),
        process=one,
        value=_value(rng, kind, rules),
    )


def _value(rng: Random, kind: str, rules: Rules) -> float:
    if kind == "write_late":  # on both sides of settle_s
        return rules.settle_s * (rng.uniform(0.0, 0.97) if rng.random() < 0.6 else rng.uniform(1.1, 3.0))
    if kind == "rate_limited":
        return rng.choice((0.5, 3.0, rules.hold_s * 1.5))
    if kind == "store_late":
        return rng.uniform(0.001, 5.0)
    return 0.0


def _mishaps(rng: Random, rules: Rules, processes: tuple[Process, ...], ends_at: float) -> list[Item]:
    items: list[Item] = []
    for _ in range(rng.choice((0, 0, 1, 2, 3))):
        restart = rng.choice((0.1, 2.0, 10.0))
        items.append(Kill(at=rng.uniform(0.5, ends_at), process=rng.choice(processes).name, restart_after_s=restart))
    if rng.random() < 0.25:
        whose = "store" if rng.random() < 0.5 else rng.choice(processes).name
        items.append(MoveClock(at=rng.uniform(0, ends_at), whose=whose, by_s=rng.choice((-60.0, -2.0, 2.0, 60.0))))
    if rng.random() < 0.15:
        items.append(Flush(at=rng.uniform(1.0, ends_at)))
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        action = rng.choice(("force", "force", "clear", "reset_failures"))
        ttl_s = rng.choice((1.0, rules.hold_s, 2 * rules.hold_s)) if action == "force" else 0.0
        items.append(Force(at=rng.uniform(0.5, ends_at), action=action, ttl_s=ttl_s))
    return items
