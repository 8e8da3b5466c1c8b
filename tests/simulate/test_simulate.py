"""Runs of the real guard pass, replay to the same history, and find what is broken on purpose."""

import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from guard.core import machine
from guard.core.admission import Verdict
from guard.core.events import Event, Policy
from guard.core.record import decode_record, encode_record
from guard.engine import Engine
from guard.outbox import delivery
from guard.sight import Sight
from guard.store import wire
from guard.store.protocol import Applied
from guard.store.shared import RedisStore
from zepguard.history import events as told
from zepguard.simulate import Outcome, draw, simulate
from zepguard.simulate.shrink import shrink

SEEDS_TO_FIND = 60
"""Each bug below is found in fewer."""


def first_finding(seeds: int = SEEDS_TO_FIND) -> Outcome:
    for seed in range(1, seeds + 1):
        outcome = simulate(draw(seed), to_the_end=False)
        if outcome.findings:
            return outcome
    raise AssertionError(f"{seeds} seeds found nothing")


# -- as it is --------------------------------------------------------------------------------------------------------


def test_runs_pass() -> None:
    assert [simulate(draw(seed)).findings for seed in range(500, 506)] == [()] * 6


def test_the_same_seed_has_the_same_history_whatever_the_hash_seed() -> None:
    code = (
        "import os; from guard import logs; logs.configure(os.devnull)\n"
        "from zepguard.simulate import draw, simulate\n"
        "print(*(simulate(draw(seed)).digest for seed in (7, 8, 9)))"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    here = " ".join(simulate(draw(seed)).digest for seed in (7, 8, 9))
    assert digests == {here + "\n"}


def test_another_seed_has_another_history() -> None:
    assert len({simulate(draw(seed)).digest for seed in range(20, 26)}) == 6


@pytest.fixture(scope="module")
def histories() -> list[tuple[told.Event, ...]]:
    from guard import logs

    logs.configure(os.devnull)
    return [simulate(draw(seed)).history for seed in range(600, 640)]


def test_the_runs_see_what_they_are_about(histories: list[tuple[told.Event, ...]]) -> None:
    """A fault that never strikes proves nothing: over some seeds, each of these has happened."""
    seen: set[str] = set()
    for event in itertools.chain.from_iterable(histories):
        seen |= {type(event).__name__, *marks(event)}
    wanted = {"StoreLost", "StoreBack", "Died", "Dead", "SendingAgain", "ClockMoved", "StoreClockMoved", "Flushed"}
    wanted |= {"cancelled", "downgraded", "probe", "restored", "joined alone", "recovered", "operator"}
    assert wanted - seen == set()


def marks(event: told.Event) -> set[str]:
    match event:
        case told.ReadEnded(outcome="cancelled"):
            return {"cancelled"}
        case told.ReadSent(mode="write_only"):
            return {"probe"}
        case told.Stepped(step=told.Step(kind="join", reason=reason), changed=True):
            return {"joined alone" if reason else "recovered"}
        case told.Stepped(state=state):
            found = {"downgraded"} if state.downgrades else set()
            return found | ({"restored"} if state.restores else set()) | ({"operator"} if state.operator else set())
    return set()


def test_messages_that_land_twice_are_drawn_and_reported(histories: list[tuple[told.Event, ...]]) -> None:
    doubled = 0
    for history in histories:
        landed = [message for event in history if isinstance(event, told.Landed) for message in event.messages]
        reported = {event.message for event in history if isinstance(event, told.SendingAgain)}
        twice = {message for message in landed if landed.count(message) > 1}
        assert twice <= reported
        doubled += len(twice)
    assert doubled


# -- broken on purpose -----------------------------------------------------------------------------------------------

Break = Callable[[pytest.MonkeyPatch], None]


def get_and_set(patch: pytest.MonkeyPatch) -> None:
    """The step in Python between a read and a write, in place of the script."""
    policies: dict[int, Policy] = {}
    made = RedisStore.__init__

    def make(self: RedisStore, client: Any, *, policy: Policy, **more: Any) -> None:
        policies[id(self)] = policy
        made(self, client, policy=policy, **more)

    def apply(self: RedisStore, event: Event) -> Applied:
        with wire.translated():
            key = self._wire.key("mode")
            now = self._now()
            found: Any = self._client.hgetall(key)
            record, effects = machine.step(decode_record(found), event, now, policies[id(self)])
            self._client.hset(key, mapping=encode_record(record))
            return Applied(record=record, now=now, effects=effects)

    patch.setattr(RedisStore, "__init__", make)
    patch.setattr(RedisStore, "apply", apply)


def acknowledged_before_delivery(patch: pytest.MonkeyPatch) -> None:
    add = delivery._Delivery._add_to_thread

    def eager(self: Any, rows: Any) -> None:
        self._note_delivered(rows)
        add(self, rows)

    patch.setattr(delivery._Delivery, "_add_to_thread", eager)


def not_looked_up(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(delivery._Delivery, "_missing", lambda self: self._batch.rows)


def probe_without_lease(patch: pytest.MonkeyPatch) -> None:
    take = Engine._take

    def bold(self: Engine, admission: Any) -> Any:
        if admission.verdict is Verdict.PROBE:
            return replace(admission.ticket, token=self._token())
        return (yield from take(self, admission))

    patch.setattr(Engine, "_take", bold)


def probe_although_denied(patch: pytest.MonkeyPatch) -> None:
    take = Engine._take

    def bold(self: Engine, admission: Any) -> Any:
        ticket = yield from take(self, admission)
        if ticket is None and admission.verdict is Verdict.PROBE:
            return replace(admission.ticket, token=self._token())
        return ticket

    patch.setattr(Engine, "_take", bold)


def rises_alone(patch: pytest.MonkeyPatch) -> None:
    lost = Sight.lost

    def hopeful(self: Sight) -> None:
        lost(self)
        self.mode = self._base

    patch.setattr(Sight, "lost", hopeful)


def join_counts_each(patch: pytest.MonkeyPatch) -> None:
    once = "if num('generation') ~= known or text('reason') ~= '' then return"
    assert once in wire.SCRIPT
    patch.setattr("guard.store.shared.SCRIPT", wire.SCRIPT.replace(once, "if false then return"))


@pytest.mark.parametrize(
    ("broken", "by"),
    [
        (get_and_set, {"counted_once"}),
        (acknowledged_before_delivery, {"nothing_lost"}),
        (not_looked_up, {"nothing_twice"}),
        (probe_without_lease, {"one_probe", "restored", "counted_once"}),
        (probe_although_denied, {"one_probe"}),
        (rises_alone, {"alone_never_rises"}),
        (join_counts_each, {"counted_once"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_bug_is_found(broken: Break, by: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    broken(monkeypatch)
    assert first_finding().findings[0].checker in by


def test_a_finding_is_shrunk_to_a_smaller_plan_with_the_same_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    get_and_set(monkeypatch)
    outcome = first_finding()
    least = shrink(outcome)
    assert least.findings[0].checker == outcome.findings[0].checker
    assert len(least.plan.items) < len(outcome.plan.items) / 2
    assert simulate(least.plan, to_the_end=False).digest == least.digest
