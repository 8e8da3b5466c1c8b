"""Contexts kept for the next turns: fresh, stale, one who refreshes, and never another user's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from guard import ContextStatus
from guard.contexts import Contexts
from guard.core.modes import Mode
from guard.core.record import BreakerState
from guard.core.table import Operation
from guard.errors import StoreUnavailable
from guard.store.protocol import CONTEXT_CHARACTERS_MAX, Kept
from guard.zep.calls import Answer
from tests.guard.test_service import World, make, world

__all__ = ["make", "world"]


def read(world: World, service: Any = None, user: str = "u", thread: str = "t") -> Any:
    return (service or world.service).read_context(user_id=user, thread_id=thread)


def test_a_fresh_context_serves_the_next_turns_without_a_read(world: World) -> None:
    read(world)
    asked = len(world.store.asked)
    world.clock += 0.5
    result = read(world)
    assert (result.text, result.status, result.detail, result.latency_s) == ("tea", "cached", "process", None)
    assert world.zep.asked == ["t"]
    assert len(world.store.asked) == asked


def test_another_process_has_it_from_the_store(world: World) -> None:
    read(world)
    result = read(world, world.another())
    assert (result.text, result.status, result.detail) == ("tea", "cached", "store")
    assert world.zep.asked == ["t"]


def test_after_a_minute_it_is_read_again(world: World) -> None:
    read(world)
    world.clock += 59.5
    assert read(world).status is ContextStatus.CACHED
    world.zep.answer = Answer(text="coffee")
    world.clock += 1.0
    result = read(world)
    assert (result.text, result.status) == ("coffee", "fresh")
    assert read(world, world.another()).text == "coffee"


def test_no_context_reaches_another_user(world: World) -> None:
    read(world, user="ada")
    world.zep.answer = Answer(text="hers")
    for service in (world.service, world.another()):
        assert read(world, service, user="eve").text == "hers"
    world.zep.fails("timeout")
    world.clock += 61
    assert read(world, user="bob").text == ""


def test_while_one_refreshes_the_others_have_the_stale_one_at_once(world: World) -> None:
    read(world)
    world.clock += 120
    other, seen = world.another(), []
    world.zep.before = lambda: seen.append(read(world, other))
    world.zep.answer = Answer(text="coffee")
    assert read(world).text == "coffee"
    assert (seen[0].text, seen[0].status, seen[0].detail) == ("tea", "stale", "refreshing")
    assert world.zep.asked == ["t", "t"]


@pytest.mark.parametrize(("fresh_s", "apart_s"), [(0, 0.1), (0, 1.1), (1, 1.1)])
def test_one_who_has_refreshed_keeps_nobody_from_the_next_refresh(
    make: Callable[..., World], fresh_s: int, apart_s: float
) -> None:
    """Nor does a cache that is switched off have anybody wait for anybody."""
    world = make(ZEPGUARD_CACHE_FRESH_S=str(fresh_s))
    for number in range(5):
        world.zep.answer = Answer(text=f"cup {number}")
        result = read(world)
        assert (result.text, result.status) == (f"cup {number}", "fresh")
        world.clock += apart_s
    world.zep.fails("timeout")
    assert (read(world).text, read(world).status) == ("cup 4", "stale")


@pytest.mark.parametrize("outcome", ["timeout", "connection", "server_error", "wrong_shape", "rate_limited"])
def test_a_read_that_fails_falls_back_on_a_stale_context_up_to_ten_minutes(world: World, outcome: str) -> None:
    read(world)
    world.zep.fails(outcome, retry_after_s=1.0)
    world.clock += 599
    result = read(world)
    assert (result.text, result.status, result.detail) == ("tea", "stale", outcome)
    assert read(world).detail in ("negative", "retry_after")
    world.clock += 5
    result = read(world)
    assert (result.text, result.status, result.detail) == ("", "failed", outcome)


def test_an_answer_with_nothing_in_it_is_not_kept(world: World) -> None:
    """A new user's first minute must not be one without memory."""
    world.zep.answer = Answer(text="")
    for _ in range(2):
        assert read(world).status is ContextStatus.EMPTY
    assert len(world.zep.asked) == 2


def test_a_context_too_large_to_keep_is_kept_nowhere(world: World) -> None:
    """An answer may have 4 MB: 512 of them in each process would be 2 GB."""
    for length, kept in ((CONTEXT_CHARACTERS_MAX, True), (CONTEXT_CHARACTERS_MAX + 1, False)):
        world.zep.answer = Answer(text="x" * length)
        assert len(read(world, thread=f"t{length}").text) == length
        for service in (world.service, world.another()):
            asked = len(world.zep.asked)
            assert len(read(world, service, thread=f"t{length}").text) == length
            assert (len(world.zep.asked) == asked) is kept


def test_with_the_breaker_open_a_stale_context_serves_without_any_command(world: World) -> None:
    read(world)
    world.clock += 70
    opened = BreakerState(era=1, open_until=world.clock.now + 30)
    world.memory._record = world.memory._record.with_breaker(Operation.READ, opened)
    world.service.mode()
    asked = len(world.store.asked)
    result = read(world)
    assert (result.text, result.status, result.detail) == ("tea", "stale", "breaker_open")
    assert read(world, thread="another").status is ContextStatus.SKIPPED
    assert len(world.store.asked) == asked
    assert world.zep.asked == ["t"]


@pytest.mark.parametrize("mode", ["forced", "base"])
def test_in_write_only_not_even_a_kept_context_is_served(make: Callable[..., World], mode: str) -> None:
    world = make()
    read(world)
    service = world.service
    if mode == "forced":
        world.force()
    else:
        service = world.another(FLAG_ZEP_READ="false")
        service.mode()
    asked = len(world.store.asked)
    result = read(world, service)
    assert (result.text, result.status, result.mode) == ("", "skipped", Mode.WRITE_ONLY)
    assert world.store.asked[asked:] in ([], ["snapshot"])  # the view's own, once a second


def test_an_invalidated_thread_is_dropped_in_every_process_within_a_second(world: World) -> None:
    other = world.another()
    for service in (world.service, other):
        read(world, service)
    assert world.memory.forget_thread("t") is True
    world.clock += 1.1
    world.zep.answer = Answer(text="coffee")
    assert read(world, other).text == "coffee"
    assert read(world).text == "coffee"
    assert len(world.zep.asked) == 2


def test_a_read_that_was_under_way_when_contexts_were_dropped_puts_none_back(world: World) -> None:
    world.zep.before = lambda: world.memory.forget_user("u") and None
    read(world)
    world.zep.before = lambda: None
    world.clock += 1.1
    assert world.memory.thread_entry("t", "u").kept is None
    assert read(world).status is ContextStatus.FRESH


def test_a_users_contexts_can_be_dropped_and_no_others(world: World) -> None:
    for user in ("ada", "eve"):
        for thread in ("a", "b"):
            read(world, user=user, thread=f"{user}-{thread}")
    assert world.memory.forget_user("ada") == 2
    assert world.memory.thread_entry("ada-a", "ada").kept is None
    assert world.memory.thread_entry("eve-a", "eve").kept is not None


def test_without_the_store_the_process_has_its_own_layer(world: World) -> None:
    read(world)
    world.store.away = True
    world.clock += 30
    assert read(world).status is ContextStatus.CACHED
    world.zep.fails("timeout")
    world.clock += 31
    assert (read(world).status, read(world).text) == ("stale", "tea")


def test_a_store_that_fails_at_the_look_up_costs_no_turn(world: World) -> None:
    world.service.mode()
    world.store._store.thread_entry = lambda *_: (_ for _ in ()).throw(StoreUnavailable("gone"))  # type: ignore
    assert read(world).status is ContextStatus.FRESH


def test_no_cache_is_a_setting(make: Callable[..., World]) -> None:
    world = make(ZEPGUARD_CACHE_FRESH_S="0", ZEPGUARD_CACHE_STALE_S="0.01")
    for _ in range(3):
        world.clock += 0.1
        assert read(world).status is ContextStatus.FRESH


def test_hits_are_counted(world: World) -> None:
    from guard.metrics.instruments import CACHE_HITS

    before = CACHE_HITS._value.get()
    for _ in range(4):
        read(world)
    assert CACHE_HITS._value.get() == before + 3


def test_the_process_keeps_so_many_and_no_more() -> None:
    contexts = Contexts(size=10)
    for number in range(100):
        contexts.put("u", f"t{number}", 0, Kept("x", float(number)))
    assert sum(contexts.get("u", f"t{number}", 0) is not None for number in range(100)) == 10
    assert contexts.get("u", "t99", 0) is not None
    assert contexts.get("u", "t99", 1) is None


def test_many_threads_at_one_layer_break_nothing() -> None:
    contexts = Contexts(size=8)
    failed: list[BaseException] = []

    def run(seed: int) -> None:
        try:
            for number in range(2000):
                contexts.put("u", f"t{(number * seed) % 32}", 0, Kept("x", 1.0))
                contexts.get("u", f"t{number % 32}", 0)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in (1, 3, 5, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
