"""Each checker says nothing of a good history, and names what is wrong with a bad one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from zepguard.history import Checker, Event, Rules, all_checkers, check, digest, line
from zepguard.history import checkers as judges
from zepguard.history import events as e

RULES = Rules(hold_s=10.0, lease_s=4.0, failure_threshold=3, deadline_s=1.5, settle_s=5.0)


def accepted(message: str, at: float = 0.0, **more: Any) -> e.Accepted:
    return e.Accepted(**{"at": at, "message": message, "thread": "t", "process": "w", "text": "hello", **more})


def sent(request: str, *messages: str, at: float = 1.0) -> e.WriteSent:
    return e.WriteSent(at=at, process="d", request=request, messages=messages)


def ended(request: str, outcome: str = "answered", at: float = 2.0) -> e.WriteEnded:
    return e.WriteEnded(at=at, request=request, outcome=outcome)


def landed(request: str, *messages: str, at: float = 1.5, texts: tuple[str, ...] = ("hello",)) -> e.Landed:
    return e.Landed(at=at, request=request, messages=messages, texts=texts)


def started(process: str = "w", base: str = "read_write") -> e.Started:
    return e.Started(at=0.0, process=process, base=base)


def read(request: str, at: float = 1.0, mode: str = "read_write", process: str = "w") -> e.ReadSent:
    return e.ReadSent(at=at, process=process, request=request, mode=mode, decided_at=at)


def again(message: str) -> e.SendingAgain:
    return e.SendingAgain(at=8.0, message=message)


def stepped(step: e.Step, state: e.State, *, at: float = 1.0, call: str = "c", changed: bool = True) -> e.Stepped:
    return e.Stepped(at=at, process="w", call=call, step=step, now=100.0 + at, changed=changed, state=state)


def failed(worker: str = "w", generation: int = 0) -> e.Step:
    return e.Step(
        kind="report",
        operation="read",
        phase="read_write",
        outcome="timeout",
        worker=worker,
        generation=generation,
    )


FORCED = e.State(generation=1, reason="auth", until=111.0, downgrades=(("auth", 1),))
LOCKED_OUT = e.Step(kind="report", operation="read", phase="read_write", outcome="auth")

Case = tuple[Callable[[], Checker], list[Event]]

GOOD: dict[str, Case] = {
    "delivered": (
        judges.NothingLost,
        [
            accepted("m"),
            sent("r", "m"),
            landed("r", "m"),
            ended("r"),
            e.Delivered(at=2, message="m"),
            e.Over(at=9),
        ],
    ),
    "refused and dead": (
        judges.NothingLost,
        [accepted("m"), sent("r", "m"), ended("r", "refused"), e.Dead(at=2, message="m"), e.Over(at=9)],
    ),
    "twice, late and reported": (
        lambda: judges.NothingTwice(RULES),
        [
            sent("r", "m"),
            ended("r", "timeout", at=2.0),
            again("m"),
            sent("s", "m", at=8.0),
            landed("s", "m", at=8.1),
            landed("r", "m", at=8.5),
        ],
    ),
    "in order": (
        judges.InOrder,
        [accepted("m"), accepted("n"), landed("r", "m", "n"), accepted("o", thread="u"), landed("s", "o")],
    ),
    "behind a dead one": (
        judges.InOrder,
        [accepted("m"), accepted("n"), e.Dead(at=1, message="m"), landed("r", "n")],
    ),
    "redacted": (
        judges.NoPersonalData,
        [accepted("m", text="call [PHONE]", secrets=("+90 532 123 45 67",)), landed("r", "m", texts=("call [PHONE]",))],
    ),
    "on base": (judges.NeverAboveBase, [started(), e.Saw(at=1, process="w", mode="read_write"), read("r")]),
    "falls alone": (
        judges.AloneNeverRises,
        [started(), e.StoreLost(at=1, process="w"), e.Saw(at=2, process="w", mode="write_only")],
    ),
    "rises with the store": (
        judges.AloneNeverRises,
        [
            started(),
            e.Saw(at=1, process="w", mode="write_only"),
            e.StoreLost(at=2, process="w"),
            e.StoreBack(at=3, process="w"),
            e.Saw(at=3, process="w", mode="read_write"),
        ],
    ),
    "a second's view": (lambda: judges.OneTruth(RULES), [started(), stepped(LOCKED_OUT, FORCED), read("r", at=1.9)]),
    "one probe, then another": (
        judges.OneProbe,
        [
            read("r", mode="write_only"),
            e.ReadEnded(at=2, request="r", outcome="timeout"),
            read("s", mode="write_only", process="v"),
        ],
    ),
    "a dead prober": (
        judges.OneProbe,
        [read("r", mode="write_only"), e.Died(at=2, process="w"), read("s", mode="write_only", process="v")],
    ),
    "counted": (
        lambda: judges.CountedOnce(RULES),
        [stepped(LOCKED_OUT, FORCED), e.Acknowledged(at=1, process="w", call="c")],
    ),
    "restored": (
        lambda: judges.Restored(RULES),
        [
            started(),
            stepped(LOCKED_OUT, FORCED),
            e.Calm(at=5),
            stepped(e.Step(kind="report"), e.State(generation=2), at=30.1),
            e.ReadReturned(at=30.2, process="w", began_at=30.0, status="fresh", detail=""),
        ],
    ),
    "in time": (
        lambda: judges.InTime(RULES),
        [e.ReadReturned(at=2.69, process="w", began_at=1.0, status="failed", detail="timeout")],
    ),
}

BAD: dict[str, tuple[Callable[[], Checker], list[Event], str]] = {
    "never delivered": (judges.NothingLost, [accepted("m"), e.Over(at=9)], "neither in Zep nor dead: m"),
    "acknowledged before it is there": (
        judges.NothingLost,
        [accepted("m"), e.Delivered(at=1, message="m")],
        "Zep does not have it",
    ),
    "dead of a 401": (
        judges.NothingLost,
        [accepted("m"), sent("r", "m"), ended("r", "auth"), e.Dead(at=2, message="m")],
        "never refused",
    ),
    "twice within settle_s": (
        lambda: judges.NothingTwice(RULES),
        [
            sent("r", "m"),
            ended("r", "timeout", at=2.0),
            landed("r", "m", at=6.9),
            again("m"),
            sent("s", "m", at=8.0),
            landed("s", "m", at=8.1),
        ],
        "within settle_s",
    ),
    "twice and not reported": (
        lambda: judges.NothingTwice(RULES),
        [
            sent("r", "m"),
            ended("r", "timeout"),
            sent("s", "m", at=8.0),
            landed("s", "m", at=8.1),
            landed("r", "m", at=20.0),
        ],
        "does not say so",
    ),
    "out of order": (judges.InOrder, [accepted("m"), accepted("n"), landed("r", "n")], "n is there before m"),
    "a number in the outbox": (
        judges.NoPersonalData,
        [accepted("m", text="call +90 (532) 123 4567", secrets=("+90 532 123 45 67",))],
        "is in the outbox",
    ),
    "an address in Zep": (
        judges.NoPersonalData,
        [accepted("m", secrets=("a@example.com",)), landed("r", "m", texts=("mail A@example.com",))],
        "is in Zep",
    ),
    "above base": (
        judges.NeverAboveBase,
        [started(base="write_only"), e.Saw(at=1, process="w", mode="read_write")],
        "on base write_only",
    ),
    "reads on write_only": (judges.NeverAboveBase, [started(base="write_only"), read("r")], "reads on base"),
    "writes on off": (judges.NeverAboveBase, [started("d", "off"), sent("r", "m")], "writes on base off"),
    "rises alone": (
        judges.AloneNeverRises,
        [
            started(),
            e.Saw(at=1, process="w", mode="write_only"),
            e.StoreLost(at=2, process="w"),
            e.Saw(at=3, process="w", mode="read_write"),
        ],
        "without the store",
    ),
    "an old view": (
        lambda: judges.OneTruth(RULES),
        [started(), stepped(LOCKED_OUT, FORCED), read("r", at=2.5)],
        "forced since 1.000 s",
    ),
    "two probes": (
        judges.OneProbe,
        [read("r", mode="write_only"), read("s", mode="write_only", process="v")],
        "beside r",
    ),
    "counted twice": (
        lambda: judges.CountedOnce(RULES),
        [stepped(LOCKED_OUT, e.State(generation=1, reason="auth", until=111.0, downgrades=(("auth", 2),)))],
        "by the steps it is auth 1",
    ),
    "a lost update": (
        lambda: judges.CountedOnce(RULES),
        [
            stepped(failed("v"), e.State(failures=1), call="a"),
            stepped(failed(), e.State(failures=1), call="b", changed=False),
            e.Acknowledged(at=2, process="w", call="b"),
        ],
        "was taken for done and did nothing",
    ),
    "half a step": (
        lambda: judges.CountedOnce(RULES),
        [
            stepped(LOCKED_OUT, FORCED, call="a"),
            stepped(LOCKED_OUT, e.State(generation=1, reason="auth", until=111.0), call="a"),
        ],
        "in two commands",
    ),
    "still forced": (
        lambda: judges.Restored(RULES),
        [
            started(),
            stepped(LOCKED_OUT, FORCED),
            e.Calm(at=5),
            e.ReadReturned(at=30.2, process="w", began_at=30.0, status="skipped", detail="auth"),
        ],
        "still forced (auth)",
    ),
    "restored and not answered": (
        lambda: judges.Restored(RULES),
        [
            started(),
            e.Calm(at=5),
            e.ReadReturned(at=80.1, process="w", began_at=80.0, status="skipped", detail="breaker_open"),
        ],
        "is skipped (breaker_open)",
    ),
    "too late": (
        lambda: judges.InTime(RULES),
        [e.ReadReturned(at=2.71, process="w", began_at=1.0, status="failed", detail="timeout")],
        "waited 1.710 s",
    ),
    "raised": (judges.NothingRaised, [e.Crashed(at=1, process="w", error="KeyError: 'x'")], "KeyError"),
}


@pytest.mark.parametrize("name", GOOD)
def test_nothing_is_said_of_a_good_history(name: str) -> None:
    checker, history = GOOD[name]
    assert check(history, [checker()]) == []


@pytest.mark.parametrize("name", BAD)
def test_a_bad_history_is_named(name: str) -> None:
    checker, history, words = BAD[name]
    [finding, *_] = check(history, [checker()])
    assert words in finding.what


def test_each_checker_has_a_bad_history() -> None:
    named = {checker().name for checker, _, _ in BAD.values()}
    assert named == {checker.name for checker in all_checkers(RULES)}


def test_two_witnesses_are_waited_for() -> None:
    rules = Rules(failure_threshold=1, witnesses=2, hold_s=10.0)
    history = [
        stepped(failed("v"), e.State(failures=1), call="a"),
        stepped(failed("v"), e.State(failures=2), call="b"),
        stepped(
            failed("w"),
            e.State(
                generation=1, reason="consecutive_failures", until=111.0, downgrades=(("consecutive_failures", 1),)
            ),
            call="c",
        ),
    ]
    assert check(history, [judges.CountedOnce(rules)]) == []


def test_failures_that_a_process_counted_alone_are_of_one_witness() -> None:
    def joined(worker: str, *known: str, generation: int = 0) -> e.Step:
        return e.Step(
            kind="join",
            reason="consecutive_failures",
            until=105.0,
            worker=worker,
            generation=generation,
            known_witnesses=known,
        )

    held = e.State(generation=1, reason="consecutive_failures", until=105.0, downgrades=(("consecutive_failures", 1),))
    rules = replace(RULES, witnesses=2)

    def said(*steps: e.Stepped) -> list[str]:
        return [finding.checker for finding in check(steps, [judges.CountedOnce(rules)])]

    one, two = stepped(joined("w"), e.State(failures=3)), stepped(joined("v"), held, call="d")
    assert said(one, two) == []
    assert said(stepped(joined("w"), held)) == ["counted_once"]
    recovered = stepped(
        joined("w", "v", generation=1),
        replace(held, generation=2),
    )
    assert said(recovered) == []


def test_a_history_has_one_digest_and_another_has_another() -> None:
    one = [started(), stepped(LOCKED_OUT, FORCED)]
    assert digest(one) == "03ebae11cd4ab46f27dfbc8d49bfe031b5e1851171ce834effb5de14da805639"
    assert digest(one) != digest(one[:1])
    assert line(one[1]).split()[1] == "Stepped"
