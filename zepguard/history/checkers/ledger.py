"""The books of the mode: what each step must have done, counted once, by an account of its own.

The account is kept from the steps in the order in which the store carried them out, and compared with its record
after each. It knows the checklist's rules (drills 1, 4, 5 and 6) and nothing of the guard's code.

What it says of odd cases. A probe's lease that was lost (it ran out, or its owner's report came late) makes its report
worth nothing. A flushed store forgets all; whoever comes back with a newer record brings that, with the higher of both
counts: a downgrade that nobody alive knows of is not counted any more, none is counted twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from zepguard.history.checking import Rules
from zepguard.history.events import Acknowledged, Died, Event, Flushed, State, Step, Stepped

__all__ = ["CountedOnce"]

_GOOD = frozenset({"answered", "not_found"})
_BAD = frozenset({"timeout", "connection", "server_error", "wrong_shape"})
_TIME_S = 0.05
"""Times agree if they are as near as this: a step may have asked for the time a command before it was done."""


_NOTHING = State()


@dataclass(frozen=True, slots=True)
class _Account:
    """The record as it ought to be, and the workers behind its failures."""

    state: State = _NOTHING
    witnesses: frozenset[str] = frozenset()

    def forced(self, reason: str, until: float, *, operator: bool = False, counted: bool = True) -> _Account:
        """A new hold; ``counted`` if it is a downgrade."""
        return self._next(
            reason=reason, until=until, operator=operator, downgrades=self._counting(reason if counted else "")
        )

    def free(self, *, restored: bool = False) -> _Account:
        """No hold any more."""
        return self._next(reason="", until=0.0, operator=False, restores=self.state.restores + restored)

    def _next(self, **changes: object) -> _Account:
        state = replace(
            self.state,
            generation=self.state.generation + 1,
            failures=0,
            lease="",
            lease_until=0.0,
            **changes,  # type: ignore[arg-type]
        )
        return _Account(state)

    def _counting(self, reason: str) -> tuple[tuple[str, int], ...]:
        if not reason:
            return self.state.downgrades
        counts = dict(self.state.downgrades)
        counts[reason] = counts.get(reason, 0) + 1
        return tuple(sorted(counts.items()))

    def but(self, **changes: object) -> _Account:
        """The same with other values in the state."""
        return _Account(replace(self.state, **changes), self.witnesses)  # type: ignore[arg-type]


class CountedOnce:
    """Each step of the record is done once and whole: each downgrade, failure and restore counted, each lease one's."""

    name = "counted_once"

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._account = _Account()
        self._missing: dict[str, str] = {}
        self._done: set[str] = set()
        self._process: dict[str, str] = {}

    def see(self, event: Event) -> str | None:
        """Keep the account, and compare."""
        match event:
            case Flushed():
                self._account = _Account()
            case Stepped():
                return self._stepped(event)
            case Acknowledged(call=call):
                missing = self._missing.pop(call, None)
                self._done.discard(call)
                return missing
            case Died(process=process):
                self._forget(process)
        return None

    def _stepped(self, event: Stepped) -> str | None:
        self._process[event.call] = event.process
        wanted = self._wanted(event.step, event.now, event.state)
        if not event.changed:
            differs = _difference(self._account.state, wanted.state)
            if differs and event.call not in self._done:
                self._missing[event.call] = f"{_say(event)} was taken for done and did nothing: {differs}"
            else:
                self._missing.pop(event.call, None)
                self._account = wanted if event.call not in self._done else self._account
            return None
        self._missing.pop(event.call, None)
        wrong = self._judge(event, wanted)
        self._done.add(event.call)
        self._account = replace(wanted, state=event.state)
        return wrong

    def _judge(self, event: Stepped, wanted: _Account) -> str | None:
        if event.call in self._done:
            return f"{_say(event)} changed the record in two commands; others could see half of it"
        differs = _difference(event.state, wanted.state)
        return f"{_say(event)}: {differs}" if differs else None

    def _forget(self, process: str) -> None:
        for call in [call for call, owner in self._process.items() if owner == process]:
            del self._process[call]
            self._missing.pop(call, None)
            self._done.discard(call)

    # -- the rules ---------------------------------------------------------------------------------------------------

    def _wanted(self, step: Step, now: float, seen: State) -> _Account:
        account, state = self._account, self._account.state
        match step.kind:
            case "report":
                return self._report(step, now)
            case "acquire_probe":
                return self._lease(step, now)
            case "give_up" if step.token and step.token == state.lease:
                return account.but(lease="", lease_until=0.0)
            case "force":
                return account.forced(step.reason, now + step.seconds, operator=True, counted=False)
            case "clear":
                return account.free()
            case "reset_failures":
                return _Account(replace(state, failures=0))
            case "expire" if step.generation == state.generation and self._due(now):
                return account.free()
            case "join":
                return self._join(step, now, seen)
        return account

    def _due(self, now: float) -> bool:
        return bool(self._account.state.reason) and now >= self._account.state.until

    def _lease(self, step: Step, now: float) -> _Account:
        state = self._account.state
        free = not state.lease or state.lease_until <= now
        if step.generation != state.generation or not self._due(now) or not free:
            return self._account
        return self._account.but(lease=step.token, lease_until=now + self._rules.lease_s)

    def _report(self, step: Step, now: float) -> _Account:
        if step.generation != self._account.state.generation:
            return self._account
        if step.operation == "write":
            locked_out = step.outcome == "auth" and step.phase == "read_write"
            return self._downgraded("auth", now) if locked_out else self._account
        if step.phase == "probe":
            return self._probed(step, now)
        return self._read(step, now) if step.phase == "read_write" else self._account

    def _read(self, step: Step, now: float) -> _Account:
        state = self._account.state
        if step.outcome == "auth":
            return self._downgraded("auth", now)
        if step.outcome in _GOOD:
            return _Account(replace(state, failures=0))
        if step.outcome not in _BAD:
            return self._account
        account = _Account(state, self._account.witnesses | {step.worker})
        failures = state.failures + 1
        if failures >= self._rules.failure_threshold and len(account.witnesses) >= self._rules.witnesses:
            return self._downgraded("consecutive_failures", now)
        return account.but(failures=failures)

    def _probed(self, step: Step, now: float) -> _Account:
        state = self._account.state
        if not step.token or step.token != state.lease:
            return self._account
        if step.outcome in _GOOD:
            return self._account.free(restored=True)
        if step.outcome == "rate_limited":
            until = now + max(self._rules.hold_s, step.seconds)
            return self._account.forced(state.reason or "probe_failed", until, counted=False)
        held = self._downgraded("probe_failed", now)
        return held.but(lease="", lease_until=0.0)

    def _downgraded(self, reason: str, now: float) -> _Account:
        """A downgrade, but for an operator's hold that lasts longer."""
        state, until = self._account.state, now + self._rules.hold_s
        if state.reason and state.operator and state.until > until:
            return self._account
        return self._account.forced(reason, until)

    # -- the store was away ------------------------------------------------------------------------------------------

    def _join(self, step: Step, now: float, seen: State) -> _Account:
        account = self._account
        if step.generation > account.state.generation:
            account = self._recovered(step, seen)
        state = account.state
        if not step.reason or state.generation != step.generation or state.reason:
            return account
        if step.reason == "consecutive_failures":
            account = _Account(state, account.witnesses | {step.worker})
            if len(account.witnesses) < self._rules.witnesses:
                return account.but(failures=max(state.failures, self._rules.failure_threshold))
        return account.forced(step.reason, min(step.until, now + self._rules.hold_s))

    def _recovered(self, step: Step, seen: State) -> _Account:
        """The store had forgotten. Taken from what it says now: all but the mode, which is the lower of both, and the
        counts, which are the higher ones."""
        state, known = self._account.state, dict(step.known_downgrades)
        ours = bool(state.reason) and state.until > step.known_until
        counts = {
            reason: max(count, known.get(reason, 0)) for reason, count in {**known, **dict(state.downgrades)}.items()
        }
        reason = state.reason if ours else step.known_reason
        return _Account(
            replace(
                seen,
                generation=step.generation + ours,
                reason=reason,
                until=state.until if ours else step.known_until,
                downgrades=tuple(sorted((reason, count) for reason, count in counts.items() if count)),
            ),
            frozenset(step.known_witnesses),
        )


def _say(event: Stepped) -> str:
    step = event.step
    about = [step.operation, step.phase, step.outcome, step.reason, f"of generation {step.generation}"]
    return f"{event.process}'s {step.kind} ({' '.join(part for part in about if part)})"


def _difference(seen: State, wanted: State) -> str:
    """How the record differs from the account, or nothing."""
    told = []
    for name in ("generation", "reason", "operator", "failures", "lease", "restores", "downgrades"):
        has, ought = getattr(seen, name), getattr(wanted, name)
        if has != ought:
            told.append(f"{name} is {_text(has)}, by the steps it is {_text(ought)}")
    for name in ("until", "lease_until"):
        has, ought = getattr(seen, name), getattr(wanted, name)
        if abs(has - ought) > _TIME_S:
            told.append(f"{name} is {has - ought:+.3f} s from what it is by the steps")
    return "; ".join(told)


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(f"{reason} {count}" for reason, count in value) or "none"
    return repr(value)
