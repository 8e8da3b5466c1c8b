"""Whole turns over a real Valkey: workers that answer, die, fail or are never there; a broker that is away."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.test import override_settings

from chatapp import agent, metrics
from chatapp.models import Turn
from chatapp.turns import mailbox, publishing
from chatapp.turns.answering import answer
from chatapp.turns.asking import follow
from chatapp.turns.claims import claim
from chatapp.turns.events import Done, Event, Failed, NotYours, Reset, Said, Started, Token, Unavailable
from chatapp.turns.mailbox import Outgoing, close_inbox, inbox
from chatapp.turns.question import Question
from chatapp.turns.relay import Patience
from guard import ContextResult, ContextStatus, Mode
from guard.django.models import OutboxMessage

PATIENCE = Patience(resend_s=0.15, silence_s=0.3, deadline_s=4)
FACTS = "<FACTS>\n  - likes Girne (date unknown - present)\n</FACTS>"

pytestmark = pytest.mark.usefixtures("broker")


def memory(*, user_id: str, thread_id: str) -> ContextResult:
    return ContextResult(text=FACTS, status=ContextStatus.FRESH, mode=Mode.READ_WRITE)


class Workers:
    """Plays the fleet: each attempt that is sent is taken by the next of the given workers, in a thread."""

    def __init__(self, in_thread: Any, *plays: Callable[[Question, int, int], object]) -> None:
        self._in_thread = in_thread
        self._plays = list(plays)
        self._threads: list[threading.Thread] = []

    async def publish(self, question: Question, *, attempt: int, supersedes: int, expires_s: float) -> None:
        play = self._plays.pop(0) if len(self._plays) > 1 else self._plays[0]
        thread = threading.Thread(target=self._in_thread, args=(play, question, attempt, supersedes))
        self._threads.append(thread)
        thread.start()

    async def hear(self, question: Question, patience: Patience = PATIENCE) -> list[Event]:
        async def listen(question: Question, attempts: int, wait_s: float) -> list[tuple[int, Said]]:
            return await inbox().take(question.turn_id, attempts, wait_s)

        try:
            return [event async for event in follow(question, patience, publish=self.publish, listen=listen)]
        finally:
            await close_inbox()
            for thread in self._threads:
                await asyncio.to_thread(thread.join)


def answers(question: Question, attempt: int, supersedes: int, **parts: Any) -> None:
    post = Outgoing(question.turn_id, attempt).post
    answer(question, attempt=attempt, supersedes=supersedes, read_context=memory, post=post, **parts)


def loses_the_task(question: Question, attempt: int, supersedes: int) -> None:
    pass


def dies_after_the_claim(question: Question, attempt: int, supersedes: int) -> None:
    claim(question, attempt=attempt, supersedes=supersedes)
    Outgoing(question.turn_id, attempt).post(Started())


def dies_before_it_says_so(question: Question, attempt: int, supersedes: int) -> None:
    claim(question, attempt=attempt, supersedes=supersedes)


def dies_midway(question: Question, attempt: int, supersedes: int) -> None:
    claim(question, attempt=attempt, supersedes=supersedes)
    Outgoing(question.turn_id, attempt).post(Started(), *map(Token, agent.compose(question.message, FACTS)[:4]))


def dies_with_other_words(question: Question, attempt: int, supersedes: int) -> None:
    claim(question, attempt=attempt, supersedes=supersedes)
    Outgoing(question.turn_id, attempt).post(Started(), Token("Well, "))


def dies_after_the_commit(question: Question, attempt: int, supersedes: int) -> None:
    said: list[Said] = []
    answer(question, attempt=attempt, supersedes=supersedes, read_context=memory, post=lambda *e: said.extend(e))
    Outgoing(question.turn_id, attempt).post(Started())


@pytest.fixture
def question(thread_id: str) -> Question:
    return Question(user_id="ada", thread_id=thread_id, message="what do you remember?")


REPLY = "You wrote: what do you remember?\nI remember: likes Girne"


def on_screen(events: list[Event]) -> str:
    shown = ""
    for event in events:
        shown = "" if isinstance(event, Reset) else shown + event.text if isinstance(event, Token) else shown
    return shown


@pytest.mark.parametrize(
    "deaths",
    [
        [],
        [loses_the_task],
        [loses_the_task, loses_the_task],
        [dies_after_the_claim],
        [dies_before_it_says_so],
        [dies_midway],
        [dies_with_other_words],
        [dies_after_the_commit],
        [dies_midway, dies_midway],
        [dies_midway, dies_with_other_words],
    ],
    ids=lambda deaths: "+".join(death.__name__ for death in deaths) or "all_well",
)
def test_a_turn_whose_workers_die_is_answered_once_by_another(question: Question, in_thread: Any, deaths: Any) -> None:
    events = asyncio.run(Workers(in_thread, *deaths, answers).hear(question))
    last = events[-1]
    assert isinstance(last, Done)
    assert last.reply == on_screen(events) == REPLY
    assert (Reset() in events) == (dies_with_other_words in deaths)
    rows = OutboxMessage.objects.filter(turn_id=question.turn_id).order_by("id")
    assert list(rows.values_list("role", "content")) == [("user", question.message), ("assistant", REPLY)]


def test_nothing_is_heard_before_the_message_is_committed(question: Question, in_thread: Any) -> None:
    committed: list[bool] = []

    def posts(*events: Said) -> None:
        committed.append(OutboxMessage.objects.filter(turn_id=question.turn_id, role="user").exists())
        if isinstance(events[-1], Done):
            committed.append(Turn.objects.get(id=question.turn_id).state == Turn.State.DONE)

    assert answer(question, attempt=1, supersedes=0, read_context=memory, post=posts)
    assert len(committed) == 5
    assert all(committed)


def test_no_transaction_is_open_while_memory_is_read(question: Question) -> None:
    from django.db import connection

    def read(*, user_id: str, thread_id: str) -> ContextResult:
        assert not connection.in_atomic_block
        return memory(user_id=user_id, thread_id=thread_id)

    assert answer(question, attempt=1, supersedes=0, read_context=read, post=lambda *_: None)


def test_without_any_worker_the_turn_ends_at_its_deadline(question: Question, in_thread: Any) -> None:
    started = time.monotonic()
    patience = Patience(resend_s=0.1, silence_s=0.2, deadline_s=0.6)
    events = asyncio.run(Workers(in_thread, loses_the_task).hear(question, patience))
    assert isinstance(events[-1], Unavailable)
    assert time.monotonic() - started >= 0.6


def test_somebody_elses_thread_does_not_exist(question: Question, in_thread: Any) -> None:
    asyncio.run(Workers(in_thread, answers).hear(question))
    theirs = Question(user_id="bob", thread_id=question.thread_id, message="hi")
    assert asyncio.run(Workers(in_thread, answers).hear(theirs)) == [NotYours()]


def test_an_agent_that_breaks_apologises(question: Question, in_thread: Any) -> None:
    def broken(message: str, context: str) -> list[str]:
        raise RuntimeError(message)

    events = asyncio.run(Workers(in_thread, lambda *a: answers(*a, compose=broken)).hear(question))
    last = events[-1]
    assert isinstance(last, Done)
    assert (last.reply, last.apology) == (agent.APOLOGY, True)


def test_a_worker_that_breaks_says_so_at_once_and_logs_no_text(
    question: Question, in_thread: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*, user_id: str, thread_id: str) -> ContextResult:
        raise RuntimeError(question.message)

    def breaks(question: Question, attempt: int, supersedes: int) -> None:
        post = Outgoing(question.turn_id, attempt).post
        answer(question, attempt=attempt, supersedes=supersedes, read_context=broken, post=post)

    assert asyncio.run(Workers(in_thread, breaks).hear(question)) == [Failed()]
    logged = "".join(capfd.readouterr())
    assert "turn_failed" in logged
    assert question.message not in logged


async def whole_request(ask: Any, bearer: Any, body: bytes, **more: Any) -> Any:
    from chatapp.asgi import application
    from chatapp.turns.asking import close_turns

    more["headers"] = bearer() | more.get("headers", {})
    try:
        return await ask(application, "/api/chat/", body=body, **more)
    finally:
        await close_turns(10)
        await close_inbox()


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch, in_thread: Any) -> Callable[..., None]:
    """Have the whole web served by the given workers."""

    def serve(*plays: Callable[[Question, int, int], object]) -> None:
        monkeypatch.setattr(publishing, "publish", Workers(in_thread, *plays).publish)

    return serve


def test_a_stream_is_tokens_then_done(fleet: Any, ask: Any, bearer: Any, saying: Any, thread_id: str) -> None:
    fleet(answers)
    latencies = metrics.AGENT_LATENCY._sum.get()
    stream = {"headers": {"Accept": "text/event-stream"}}
    exchange = asyncio.run(whole_request(ask, bearer, saying("what do you remember?", thread_id), **stream))
    assert exchange.status == 200
    assert exchange.headers["content-type"] == "text/event-stream"
    *tokens, (last, fields) = exchange.events
    assert {kind for kind, _ in tokens} == {"token"}
    assert last == "done"
    assert "".join(data["text"] for _, data in tokens) == fields["reply"] == REPLY
    assert fields["thread_id"] == thread_id
    assert Turn.objects.get(id=fields["turn_id"]).reply == REPLY
    assert metrics.AGENT_LATENCY._sum.get() > latencies


def test_a_stream_that_is_cut_says_so_and_counts(
    fleet: Any, ask: Any, bearer: Any, saying: Any, thread_id: str
) -> None:
    fleet(dies_midway)
    errors = metrics.ERRORS._value.get()
    with override_settings(CHATAPP_TURN_DEADLINE_S=2.0):
        stream = {"headers": {"Accept": "text/event-stream"}}
        exchange = asyncio.run(whole_request(ask, bearer, saying("hi", thread_id), **stream))
    assert exchange.status == 200
    assert exchange.events[-1][0] == "error"
    assert metrics.ERRORS._value.get() == errors + 1


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_nobody_there_is_503_in_either_form(
    fleet: Any, ask: Any, bearer: Any, saying: Any, thread_id: str, accept: str
) -> None:
    fleet(dies_after_the_claim)
    with override_settings(CHATAPP_TURN_DEADLINE_S=0.5):
        exchange = asyncio.run(whole_request(ask, bearer, saying("hi", thread_id), headers={"Accept": accept}))
    assert exchange.status == 503
    assert int(exchange.headers["retry-after"]) >= 1
    assert "may have been stored" in exchange.json["remedy"]  # here it was: its worker died after the claim


def test_a_turn_goes_on_when_the_person_leaves_and_its_worker_dies(
    fleet: Any, ask: Any, bearer: Any, saying: Any, thread_id: str
) -> None:
    async def leave() -> None:
        await asyncio.sleep(0.05)

    fleet(dies_after_the_claim, answers)
    with override_settings(CHATAPP_TURN_SILENCE_S=0.3):
        asyncio.run(whole_request(ask, bearer, saying("hi", thread_id), leave=leave))
    assert list(OutboxMessage.objects.filter(thread_id=thread_id).values_list("role", flat=True)) == [
        "user",
        "assistant",
    ]


def test_more_turns_than_the_web_may_have_open_are_503(
    fleet: Any, ask: Any, bearer: Any, saying: Any, thread_id: str
) -> None:
    fleet(loses_the_task)

    async def two() -> list[int]:
        first = asyncio.create_task(whole_request(ask, bearer, saying("hi", thread_id)))
        await asyncio.sleep(0.1)
        second = await ask_only(ask, bearer, saying("hi", thread_id))
        assert not first.done()  # refused at once, not after a turn's deadline
        return [(await first).status, second.status]

    with override_settings(CHATAPP_TURNS_MAX=1, CHATAPP_TURN_DEADLINE_S=3):
        assert asyncio.run(two()) == [503, 503]


async def ask_only(ask: Any, bearer: Any, body: bytes) -> Any:
    from chatapp.asgi import application

    return await ask(application, "/api/chat/", body=body, headers=bearer())


def test_no_wait_for_the_broker_is_as_long_as_the_2_s_in_which_it_must_be_503() -> None:
    assert max(mailbox._CONNECT_S, mailbox._ANSWER_S) < 2


@pytest.mark.parametrize("away", ["stop", "freeze"])
def test_a_broker_that_is_away_is_503_and_leaves_no_thread(
    broker: Any, ask: Any, bearer: Any, saying: Any, thread_id: str, away: str
) -> None:
    getattr(broker, away)()

    async def many() -> list[int]:
        async def one() -> int:
            exchange = await ask_only(ask, bearer, saying("hi", thread_id))
            assert int(exchange.headers["retry-after"]) >= 1
            return exchange.status

        return await asyncio.gather(*(one() for _ in range(20)))

    seen = asyncio.run(many())
    assert set(seen) == {503}
    asyncio.run(many())
    assert sum(t.name.startswith("publish") for t in threading.enumerate()) <= 8


def test_a_broker_that_freezes_midway_is_503(
    broker: Any, fleet: Any, ask: Any, bearer: Any, saying: Any, thread_id: str
) -> None:
    fleet(dies_after_the_claim)

    async def freeze_midway() -> int:
        turn = asyncio.create_task(whole_request(ask, bearer, saying("hi", thread_id)))
        await asyncio.sleep(0.2)
        broker.freeze()
        return (await turn).status

    assert asyncio.run(freeze_midway()) == 503


def test_a_broker_that_comes_back_is_used_again(broker: Any, question: Question, in_thread: Any) -> None:
    async def published() -> bool:
        try:
            await publishing.publish(question, attempt=1, supersedes=0, expires_s=5)
        except Exception:
            return False
        return True

    assert asyncio.run(published())
    broker.stop()
    assert not asyncio.run(published())
    broker.start()
    give_up_at = time.monotonic() + 60
    while not asyncio.run(published()):
        assert time.monotonic() < give_up_at
