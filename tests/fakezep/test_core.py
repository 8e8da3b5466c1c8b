"""The core alone, in virtual time: no server, no clock, no thread."""

import itertools
import json
import random
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakezep import Delivery, Exchange, FakeZep, Fault, Kind, Latency, Request, Settings
from fakezep.core import AdminApi, RateWindow, context_block
from fakezep.core._store import Fact

NOON = 1_700_000_000.0
ROLES = ("norole", "system", "assistant", "user", "function", "tool")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
good_messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(ROLES), "content": st.text(max_size=20)},
        optional={"metadata": st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)},
    ),
    min_size=1,
    max_size=6,
)
spoilt_message = st.sampled_from(
    [
        {"role": "robot", "content": "x"},
        {"role": "user"},
        {"content": "x"},
        {"role": "user", "content": 7},
        {"role": "user", "content": "x" * 4097},
        {"role": "user", "content": "x", "metadata": {"a": None}},
        {"role": "user", "content": "x", "metadata": {str(key): 1 for key in range(11)}},
        {"role": "user", "content": "x", "metadata": []},
        {"role": "user", "content": "x", "created_at": "yesterday"},
        {"role": "user", "content": "x", "name": 1},
        "a text",
    ]
)


class Driver:
    """Speaks to a core as the shell does, with ids that count up."""

    def __init__(self, **settings: Any) -> None:
        numbers = itertools.count()
        self.core = FakeZep(Settings(**settings), new_uuid=lambda: f"uuid-{next(numbers)}")
        self.admin = AdminApi(self.core)

    def ask(
        self, method: str, path: str, body: Any = None, *, now: float = NOON, key: str = "zep-local-key"
    ) -> Exchange:
        raw = b"" if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Api-Key {key}"}
        return self.core.handle(Request.to(method, f"/api/v2{path}", headers=headers, body=raw), now)

    def got(self, method: str, path: str, body: Any = None, *, now: float = NOON) -> Any:
        response = self.ask(method, path, body, now=now).response
        assert response is not None
        assert response.status < 300, response.body
        return json.loads(response.body)

    def make(self, user_id: str, *thread_ids: str) -> None:
        self.got("POST", "/users", {"user_id": user_id})
        for thread_id in thread_ids:
            self.got("POST", "/threads", {"thread_id": thread_id, "user_id": user_id})

    def say(self, thread_id: str, *contents: str, now: float = NOON) -> Any:
        messages = [{"role": "user", "content": content} for content in contents]
        return self.got("POST", f"/threads/{quote(thread_id, safe='')}/messages", {"messages": messages}, now=now)

    def context(self, thread_id: str, now: float = NOON) -> Any:
        return self.got("GET", f"/threads/{quote(thread_id, safe='')}/context", now=now)["context"]

    def snapshot(self) -> Any:
        headers = {"X-Admin-Key": "admin-local-key"}
        store = self.admin.handle(Request.to("GET", "/admin/store", headers=headers), NOON).body
        return json.loads(store), {name: list(self.core.store.facts_of(name)) for name in self.core.store.users}


@given(good=good_messages, spoilt=spoilt_message, place=st.integers(0, 6))
def test_one_bad_message_among_good_ones_refuses_the_call_and_stores_nothing(
    good: Any, spoilt: Any, place: int
) -> None:
    driver = Driver()
    driver.make("ann", "t")
    driver.say("t", "before")
    before = driver.snapshot()
    messages = [*good[:place], spoilt, *good[place:]]
    exchange = driver.ask("POST", "/threads/t/messages", {"messages": messages})
    assert exchange.response is not None
    assert exchange.response.status == 400
    assert json.loads(exchange.response.body)["message"]
    assert driver.snapshot() == before
    entry = driver.core.journal.get(exchange.seq)
    assert entry is not None
    assert not entry.applied


@given(
    target=st.sampled_from(
        [
            ("POST", "/users"),
            ("PATCH", "/users/ann"),
            ("POST", "/threads"),
            ("POST", "/threads/t/messages"),
            ("PATCH", "/messages/uuid-4"),
            ("DELETE", "/users/none"),
            ("POST", "/graph/search"),
        ]
    ),
    body=json_values
    | st.dictionaries(st.sampled_from(["user_id", "thread_id", "messages", "metadata", "email", "role"]), json_values),
    key=st.sampled_from(["zep-local-key", "zep-local-key", "wrong"]),
)
def test_any_body_is_answered_and_a_refused_call_stores_nothing(target: tuple[str, str], body: Any, key: str) -> None:
    driver = Driver()
    driver.make("ann", "t")
    driver.say("t", "before")
    before = driver.snapshot()
    exchange = driver.ask(*target, body, key=key)
    assert exchange.response is not None
    entry = driver.core.journal.get(exchange.seq)
    assert entry is not None
    if exchange.response.status >= 400:
        assert driver.snapshot() == before
        assert not entry.applied
    if key == "wrong":
        assert exchange.response.status == 401


@given(
    method=st.sampled_from(["GET", "POST", "PATCH", "PUT", "DELETE", "BREW"]),
    path=st.text(st.characters(max_codepoint=300), max_size=20),
    query=st.text(max_size=10),
    body=st.binary(max_size=20),
)
def test_no_request_whatever_raises(method: str, path: str, query: str, body: bytes) -> None:
    driver = Driver()
    driver.make("ann", "t")
    for prefix in ("/", "/api/v2/", "/api/v2/threads/t/", "/api/v2/users/"):
        request = Request(
            method=method,
            path=prefix + path,
            query=query,
            headers={"Authorization": "Api-Key zep-local-key"},
            body=body,
        )
        response = driver.core.handle(request, NOON).response
        assert response is not None
        assert response.status < 500
    headers = {"X-Admin-Key": "admin-local-key"}
    request = Request(method=method, path=f"/admin/{path}", query=query, headers=headers, body=body)
    assert driver.admin.handle(request, NOON).status < 500


@given(contents=st.lists(st.text(max_size=5), max_size=30), newest=st.integers(1, 40))
def test_lastn_gives_the_newest_messages_oldest_first(contents: list[str], newest: int) -> None:
    driver = Driver()
    driver.make("ann", "t")
    if contents:
        driver.say("t", *contents)
    answer = driver.got("GET", f"/threads/t/messages?lastn={newest}&limit=1&cursor=3")
    assert [message["content"] for message in answer["messages"]] == contents[-newest:]
    assert (answer["row_count"], answer["total_count"]) == (min(newest, len(contents)), len(contents))


@given(contents=st.lists(st.text(max_size=3), max_size=30), limit=st.integers(1, 9))
def test_pages_by_limit_and_cursor_give_each_message_once(contents: list[str], limit: int) -> None:
    driver = Driver()
    driver.make("ann", "t")
    if contents:
        driver.say("t", *contents)
    pages = [
        driver.got("GET", f"/threads/t/messages?limit={limit}&cursor={start}")["messages"]
        for start in range(0, len(contents), limit)
    ]
    assert [message["content"] for page in pages for message in page] == contents


@given(said=st.lists(st.tuples(st.sampled_from(["ann", "bob"]), st.integers(0, 1)), max_size=30))
def test_a_context_never_shows_another_users_facts_and_always_the_users_own(said: Any) -> None:
    driver = Driver(facts_in_context_max=100)
    for user_id in ("ann", "bob"):
        driver.make(user_id, f"{user_id}-0", f"{user_id}-1")
    for number, (user_id, place) in enumerate(said):
        driver.say(f"{user_id}-{place}", f"[{user_id} {number}]")
    for user_id in ("ann", "bob"):
        context = driver.context(f"{user_id}-0")
        assert context == driver.context(f"{user_id}-1")
        for number, (owner, _) in enumerate(said):
            assert (f"[{owner} {number}]" in context) is (owner == user_id)


@given(
    said=st.lists(st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(ROLES), st.text(max_size=12)), max_size=12),
    delay_s=st.sampled_from([0.0, 5.0]),
    asked_s=st.integers(0, 20),
    most=st.integers(1, 5),
)
def test_the_context_is_a_function_of_the_stored_messages(said: Any, delay_s: float, asked_s: int, most: int) -> None:
    """A model of contract sections 6 and 7, written apart from the code, foretells the block."""
    driver = Driver(ingestion_delay_s=delay_s, facts_in_context_max=most, fact_chars_max=8)
    driver.make("ann", "a", "b")
    for second, (thread_id, role, content) in enumerate(said):
        body = {"messages": [{"role": role, "content": content}]}
        driver.got("POST", f"/threads/{thread_id}/messages", body, now=NOON + second)
    asked = NOON + max(asked_s, len(said))
    known = [
        (" ".join(content.splitlines())[:8], second)
        for second, (_, role, content) in enumerate(said)
        if role == "user" and NOON + second + delay_s <= asked
    ]
    lines = [
        f"  - {text} (2023-11-14 22:13:{20 + second:02d}+00:00 - present)"
        for text, second in reversed(known)
        if text.strip()
    ][:most]
    head = [
        "# These are the most relevant facts and their valid date ranges",
        "# format: FACT (Date range: from - to)",
        "<FACTS>",
    ]
    assert driver.context("a", asked) == ("\n".join([*head, *lines, "</FACTS>"]) if lines else "")


@given(id_=st.text(min_size=1, max_size=8))
def test_any_id_that_is_percent_encoded_is_taken(id_: str) -> None:
    driver = Driver()
    driver.make(id_, id_)
    driver.say(id_, "hi")
    assert "hi" in driver.context(id_)
    assert driver.got("GET", f"/users/{quote(id_, safe='')}")["user_id"] == id_


@given(times=st.lists(st.integers(0, 300), max_size=60), limit=st.integers(1, 5))
def test_no_minute_lets_more_requests_through_than_the_limit(times: list[int], limit: int) -> None:
    window = RateWindow(limit)
    admitted = [int(at) // 60 for at in sorted(times) if window.admit(at)]
    asked = [at // 60 for at in times]
    for minute in set(asked):
        assert admitted.count(minute) == min(limit, asked.count(minute))


def test_a_429_says_when_to_come_back_and_the_next_minute_is_free() -> None:
    driver = Driver(rate_limit_per_min=1)
    driver.make("ann")
    refused = driver.ask("GET", "/users/ann", now=NOON + 1).response
    assert refused is not None
    assert (refused.status, refused.header("x-ratelimit-remaining")) == (429, "0")
    reset = int(refused.header("x-ratelimit-reset") or 0)
    assert refused.header("retry-after") == str(int(reset - NOON - 1))
    driver.got("GET", "/users/ann", now=reset)


def test_a_late_write_lands_at_its_time_also_when_nobody_waits() -> None:
    driver = Driver()
    driver.make("ann", "t")
    driver.core.faults.add(Fault(kind=Kind.APPLY_LATE, delay_s=5, count=1))
    body = {"messages": [{"role": "user", "content": "late"}]}
    exchange = driver.ask("POST", "/threads/t/messages", body)
    assert (exchange.delivery, exchange.delay_s, exchange.response) == (Delivery.LATER, 5, None)
    assert driver.got("GET", "/threads/t/messages", now=NOON + 4.9)["messages"] == []
    (message,) = driver.got("GET", "/threads/t/messages", now=NOON + 60)["messages"]
    assert message["created_at"] == "2023-11-14T22:13:25.000000Z"
    answer = driver.core.resume(exchange, NOON + 60)
    assert answer.response is not None
    assert json.loads(answer.response.body)["message_uuids"] == [message["uuid"]]
    assert driver.core.resume(exchange, NOON + 61).delivery is Delivery.DROP


def test_late_writes_land_in_order_of_their_time() -> None:
    driver = Driver()
    driver.make("ann", "t")
    for content, delay_s in (("slow", 9.0), ("quick", 3.0)):
        driver.core.faults.add(Fault(kind=Kind.APPLY_LATE, delay_s=delay_s, count=1))
        driver.ask("POST", "/threads/t/messages", {"messages": [{"role": "user", "content": content}]})
    kept = driver.got("GET", "/threads/t/messages", now=NOON + 10)["messages"]
    assert [message["content"] for message in kept] == ["quick", "slow"]


def test_a_late_write_is_refused_by_what_has_happened_meanwhile() -> None:
    driver = Driver()
    driver.make("ann", "t")
    driver.core.faults.add(Fault(kind=Kind.APPLY_LATE, delay_s=5, count=1))
    body = {"messages": [{"role": "user", "content": "late"}]}
    exchange = driver.ask("POST", "/threads/t/messages", body)
    driver.got("DELETE", "/threads/t")
    answer = driver.core.resume(exchange, NOON + 5)
    assert answer.response is not None
    assert answer.response.status == 404
    entry = driver.core.journal.get(exchange.seq)
    assert entry is not None
    assert not entry.applied


@pytest.mark.parametrize(
    ("kind", "delivery", "delay_s", "interval_s"),
    [
        (Kind.STATUS, Delivery.SEND, 1, 0),
        (Kind.REFUSE_BEFORE_WRITE, Delivery.DROP, 0, 0),
        (Kind.LOSE_ANSWER, Delivery.DROP, 1, 0),
        (Kind.ANSWER_LATE, Delivery.SEND, 5, 0),
        (Kind.APPLY_LATE, Delivery.LATER, 5, 0),
        (Kind.DRIP, Delivery.DRIP, 1, 2),
        (Kind.HALF_BODY, Delivery.HALF, 1, 0),
        (Kind.EMPTY_CONTEXT, Delivery.SEND, 1, 0),
    ],
)
def test_each_kind_has_its_plan_of_delivery_and_latency_comes_on_top(
    kind: Kind, delivery: Delivery, delay_s: float, interval_s: float
) -> None:
    driver = Driver()
    driver.make("ann", "t")
    driver.core.latency.put(Latency(seconds=1), "context")
    driver.core.faults.add(Fault(kind=kind, delay_s=4, interval_s=2))
    exchange = driver.ask("GET", "/threads/t/context")
    assert (exchange.delivery, exchange.delay_s, exchange.interval_s) == (delivery, delay_s, interval_s)


def test_the_same_seed_gives_the_same_delays_and_shares() -> None:
    def run(seed: int) -> list[tuple[float, Any]]:
        core = FakeZep(rng=random.Random(seed))
        core.latency.put(Latency(seconds=1, jitter_s=0.5))
        core.faults.add(Fault(kind=Kind.LOSE_ANSWER, share=0.5))
        plans = [core.handle(Request.to("GET", "/api/v2/users/ann"), NOON) for _ in range(20)]
        return [(plan.delay_s, plan.delivery) for plan in plans]

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_the_journal_keeps_the_newest_and_says_how_many_it_dropped() -> None:
    driver = Driver(journal_entries_max=3)
    for _ in range(5):
        driver.ask("GET", "/users/ann")
    journal = driver.core.journal
    assert [entry.seq for entry in journal.since(0)] == [3, 4, 5]
    assert [entry.seq for entry in journal.since(4)] == [5]
    assert (journal.last, journal.dropped) == (5, 2)


def test_metadata_may_be_replaced_instead_of_merged() -> None:
    driver = Driver(metadata_patch="replace")
    driver.make("ann", "t")
    uuid = driver.say("t", "hi")["message_uuids"][0]
    driver.got("PATCH", f"/messages/{uuid}", {"metadata": {"a": 1}})
    assert driver.got("PATCH", f"/messages/{uuid}", {"metadata": {"b": 2}})["metadata"] == {"b": 2}


def test_metadata_cannot_grow_over_its_limit_by_merging() -> None:
    driver = Driver(metadata_keys_max=2)
    driver.make("ann", "t")
    uuid = driver.say("t", "hi")["message_uuids"][0]
    driver.got("PATCH", f"/messages/{uuid}", {"metadata": {"a": 1, "b": 2}})
    refused = driver.ask("PATCH", f"/messages/{uuid}", {"metadata": {"c": 3}}).response
    assert refused is not None
    assert refused.status == 400


def test_other_settings_of_what_the_contract_leaves_open() -> None:
    driver = Driver(add_messages_status=201, empty_context=None)
    driver.make("ann", "t")
    assert driver.context("t") is None
    exchange = driver.ask("POST", "/threads/t/messages", {"messages": [{"role": "tool", "content": "x"}]})
    assert exchange.response is not None
    assert exchange.response.status == 201


@pytest.mark.parametrize(
    "bad",
    [{"messages_per_call_max": 0}, {"ingestion_delay_s": -1}, {"admin_key": ""}, {"api_keys": ("",)}],
)
def test_senseless_settings_are_refused_by_name(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        Settings(**bad)


def test_no_key_shows_in_a_repr() -> None:
    settings = Settings(api_keys=("secret-1",), admin_key="secret-2")
    request = Request.to("GET", "/api/v2/users/ann", headers={"Authorization": "Api-Key secret-1"})
    assert "secret" not in repr(settings) + repr(request)


def test_a_read_never_counts_as_a_write_done() -> None:
    driver = Driver()
    driver.make("ann", "t")
    seqs = [driver.ask("GET", path).seq for path in ("/users/ann", "/threads/t/context", "/threads")]
    entries = [driver.core.journal.get(seq) for seq in seqs]
    assert [entry.applied for entry in entries if entry] == [False, False, False]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_not_finite_are_refused(number: str) -> None:
    driver = Driver()
    driver.make("ann", "t")
    body = b'{"messages": [{"role": "user", "content": "x", "metadata": {"a": %s}}]}' % number.encode()
    headers = {"Authorization": "Api-Key zep-local-key"}
    request = Request.to("POST", "/api/v2/threads/t/messages", headers=headers, body=body)
    response = driver.core.handle(request, NOON).response
    assert response is not None
    assert response.status == 400
    assert driver.got("GET", "/threads/t/messages")["total_count"] == 0


@given(seconds=st.floats(0, 10), jitter_s=st.floats(0.1, 10), seed=st.integers(0, 99))
def test_jitter_spreads_the_delay_around_its_middle_and_never_below_zero(
    seconds: float, jitter_s: float, seed: int
) -> None:
    rng = random.Random(seed)
    latency = Latency(seconds=seconds, jitter_s=jitter_s)
    drawn = [latency.draw(rng) for _ in range(20)]
    assert all(max(0.0, seconds - jitter_s) <= delay_s <= seconds + jitter_s for delay_s in drawn)
    assert len(set(drawn)) > 1


def test_a_fact_that_somebody_takes_back_has_ended_and_one_said_anew_holds() -> None:
    said = ["I live in Girne", "I have two dogs", "I no longer live in Girne", "i live in girne"]
    facts = [
        Fact(text=text, message_uuid=str(at), valid_from=float(at), ready_at=0.0) for at, text in enumerate(said, 1)
    ]
    lines = [line.strip() for line in context_block(reversed(facts)).splitlines() if line.startswith("  - ")]
    # The newest first: said anew, taken back, the dogs, and the first.
    assert [line.rpartition(" - ")[2] for line in lines] == [
        "present)",
        "present)",
        "present)",
        "1970-01-01 00:00:03+00:00)",
    ]
