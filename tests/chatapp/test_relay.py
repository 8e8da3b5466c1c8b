"""What the person hears while workers start, die, repeat themselves and differ."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.turns.events import (
    Done,
    Event,
    Failed,
    MemoryNote,
    NotYours,
    Reset,
    Said,
    Started,
    Token,
    Unavailable,
    decode,
    encode,
)
from chatapp.turns.relay import Patience, Relay, Resend

PATIENCE = Patience(resend_s=1, silence_s=2.5, deadline_s=10)
MEMORY = MemoryNote(mode="read_write", status="fresh", detail="", used=True)


def done(reply: str) -> Done:
    return Done(reply=reply, memory=MEMORY)


def heard(relay: Relay, *said: tuple[int, Said]) -> list[Event]:
    return [event for attempt, each in said for event in relay.hear(attempt, each, 0.0)]


def on_screen(events: list[Event]) -> str:
    shown = ""
    for event in events:
        shown = "" if isinstance(event, Reset) else shown + event.text if isinstance(event, Token) else shown
    return shown


def test_tokens_are_passed_on_as_they_come() -> None:
    relay = Relay(PATIENCE, 0.0)
    assert heard(relay, (1, Started()), (1, Token("a")), (1, Token(" b")), (1, done("a b"))) == [
        Token("a"),
        Token(" b"),
        done("a b"),
    ]


def test_a_second_attempt_goes_on_where_the_first_one_died() -> None:
    relay = Relay(PATIENCE, 0.0)
    heard(relay, (1, Started()), (1, Token("one ")), (1, Token("two ")))
    assert heard(relay, (2, Started()), (2, Token("one two thr")), (2, Token("ee")), (2, done("one two three"))) == [
        Token("thr"),
        Token("ee"),
        done("one two three"),
    ]


def test_a_second_attempt_with_other_words_starts_anew() -> None:
    relay = Relay(PATIENCE, 0.0)
    heard(relay, (1, Started()), (1, Token("one two")))
    assert heard(relay, (2, Started()), (2, Token("one")), (2, Token(" more"))) == [Reset(), Token("one more")]


def test_a_shorter_reply_of_the_second_attempt_replaces_the_longer_start_of_the_first() -> None:
    relay = Relay(PATIENCE, 0.0)
    heard(relay, (1, Started()), (1, Token("one two")))
    assert heard(relay, (2, Started()), (2, Token("one")), (2, done("one"))) == [Reset(), Token("one"), done("one")]


def test_a_superseded_attempt_is_not_heard_any_more() -> None:
    relay = Relay(PATIENCE, 0.0)
    heard(relay, (1, Started()), (2, Started()))
    assert heard(relay, (1, Token("late")), (1, Failed()), (1, Started())) == []


def test_done_is_true_from_any_attempt_since_the_database_lets_one_finish() -> None:
    relay = Relay(PATIENCE, 0.0)
    heard(relay, (1, Started()), (2, Started()))
    assert heard(relay, (1, done("first after all"))) == [Token("first after all"), done("first after all")]


@pytest.mark.parametrize("said", [NotYours(), Failed()])
def test_a_refusal_ends_the_turn(said: Said) -> None:
    assert heard(Relay(PATIENCE, 0.0), (1, said)) == [said]


def test_unheard_for_a_second_it_asks_again_without_taking_over_then_with() -> None:
    relay = Relay(PATIENCE, 0.0)
    assert relay.due(0.99) is None
    assert relay.due(1.0) == Resend(attempt=2, supersedes=0)
    assert relay.due(2.9) is None
    assert relay.due(3.0) == Resend(attempt=3, supersedes=1)


def test_silent_for_longer_than_a_read_may_take_the_attempt_is_superseded() -> None:
    relay = Relay(PATIENCE, 0.0)
    list(relay.hear(1, Started(), 0.2))
    assert relay.due(2.6) is None
    assert relay.due(2.75) == Resend(attempt=2, supersedes=1)


def test_each_word_is_a_sign_of_life() -> None:
    relay = Relay(PATIENCE, 0.0)
    list(relay.hear(1, Started(), 0.2))
    list(relay.hear(1, Token("a"), 2.0))
    assert relay.due(4.4) is None
    assert relay.wake_at() == 4.5


def test_at_the_deadline_it_gives_up() -> None:
    relay = Relay(PATIENCE, 0.0)
    assert isinstance(relay.due(10.0), Unavailable)


@given(
    replies=st.lists(st.lists(st.text("ab", min_size=1), min_size=1, max_size=5), min_size=1, max_size=4),
    cuts=st.lists(st.integers(0, 5), min_size=4, max_size=4),
)
def test_whoever_dies_when_the_person_ends_up_with_the_reply_and_hears_nothing_twice(
    replies: list[list[str]], cuts: list[int]
) -> None:
    relay = Relay(PATIENCE, 0.0)
    events: list[Event] = []
    for attempt, (reply, cut) in enumerate(zip(replies, cuts, strict=False), start=1):
        events += heard(relay, (attempt, Started()), *((attempt, Token(text)) for text in reply[:cut]))
    final = "".join(replies[-1])
    events += heard(relay, (len(replies), done(final)))
    assert on_screen(events) == final
    if all("".join(other) == final for other in replies):
        assert Reset() not in events


@pytest.mark.parametrize("said", [Started(), Token("ü\n"), done("x"), NotYours(), Failed()])
def test_events_survive_the_way(said: Said) -> None:
    assert decode(encode(said)) == said
