"""What guard.testing promises to those who test their own app with it."""

from __future__ import annotations

import asyncio
import doctest
import subprocess
import sys
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pytest

import guard.testing
from guard.core.events import Force
from guard.core.modes import Reason
from guard.errors import SettingsError, StoreUnavailable
from guard.notices import CallEnded, StoreAnswered
from guard.testing import AsyncFakeStore, AsyncFakeZep, FakeClock, FakeStore, FakeZep, guarded
from guard.zep.calls import OutgoingMessage, ZepFailure

MODULES = ["guard.testing", *(f"guard.testing.{module.name}" for module in iter_modules(guard.testing.__path__))]


def read(app: Any, thread_id: str = "t", user_id: str = "u") -> Any:
    return app.memory.read_context(user_id=user_id, thread_id=thread_id)


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_say_what_happens(module: str) -> None:
    assert doctest.testmod(import_module(module)).failed == 0


def test_the_package_itself_has_an_example() -> None:
    assert doctest.testmod(guard.testing).attempted > 10


def test_it_needs_no_test_framework_and_the_guard_does_not_need_it() -> None:
    code = (
        "import sys, guard, guard.service\n"
        "assert not [m for m in sys.modules if m.startswith('guard.testing')], 'the guard imports it'\n"
        "import guard.testing\n"
        "guard.testing.guarded().memory.read_context(user_id='u', thread_id='t')\n"
        "assert not {'pytest', 'hypothesis', 'unittest', 'fakeredis', 'fakezep', 'zep_cloud'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# -- clock -----------------------------------------------------------------------------------------------------------


def test_the_clock_moves_only_when_told() -> None:
    clock = FakeClock(wall=100)
    assert (clock.monotonic(), clock.wall()) == (0.0, 100.0)
    asyncio.run(clock.sleep_async(1.5))
    clock.sleep(0.5)
    assert (clock.monotonic(), clock.wall()) == (2.0, 102.0)
    with pytest.raises(ValueError, match="set_wall"):
        clock.advance(-1)


# -- store -----------------------------------------------------------------------------------------------------------


def test_a_store_that_is_away_does_nothing_and_is_as_it_was_when_it_is_back() -> None:
    app = guarded()
    app.zep.fails("auth")
    read(app)
    app.store.away()
    for ask in (
        app.store.snapshot,
        app.store.workers,
        lambda: app.store.thread_entry("t", "u"),
        lambda: app.store.claim_refresh("t", lease_s=1),
        lambda: app.store.forget_thread("t"),
        lambda: app.store.forget_user("u"),
        lambda: app.store.retire("w"),
    ):
        with pytest.raises(StoreUnavailable):
            ask()
    app.store.back()
    assert app.store.snapshot().record.reason == "auth"


def test_an_answer_that_was_lost_was_done() -> None:
    app = guarded()
    app.store.loses_answers()
    with pytest.raises(StoreUnavailable, match="its answer was lost"):
        app.store.apply(Force(reason=Reason.MANUAL, ttl_s=60))
    assert app.store.record.reason == "manual"


def test_a_slow_store_takes_the_clock_along() -> None:
    app = guarded()
    app.store.slow(0.25)
    app.memory.mode()
    assert app.clock.monotonic() == 0.25
    app.store.back()
    app.clock.advance(2)
    app.memory.mode()
    assert app.clock.monotonic() == 2.25


def test_a_store_that_forgot_is_told_again_by_those_who_remember() -> None:
    app = guarded()
    app.zep.fails("auth")
    read(app)
    app.store.flush()
    assert app.store.record.reason is None
    app.clock.advance(2)
    assert app.memory.mode() == "write_only"
    assert app.store.record.reason == "auth"
    app.seen.logged("memory_store_forgot")


def test_a_store_of_ones_own_stands_behind_the_switches() -> None:
    import fakeredis

    from guard.store.shared import RedisStore

    clock, server = FakeClock(), fakeredis.FakeRedis(decode_responses=True)

    def opened() -> RedisStore:
        server.flushall()
        return RedisStore(server, namespace="n", clock=clock.wall)

    store = FakeStore(clock, open_store=opened)
    store.forget_user("u")
    assert store.record.epoch == 1
    store.flush()
    assert store.record.epoch == 0


def test_the_async_faces_share_state_and_switches() -> None:
    clock = FakeClock()
    store, zep = FakeStore(clock), FakeZep(clock)

    async def use() -> None:
        facing, calling = AsyncFakeStore(store), AsyncFakeZep(zep)
        assert (await facing.snapshot()).now == clock.wall()
        assert await facing.claim_refresh("t", lease_s=1)
        assert not store.claim_refresh("t", lease_s=1)
        assert (await facing.thread_entry("t", "u")).kept is None
        store.away()
        with pytest.raises(StoreUnavailable):
            await facing.snapshot()
        await calling.ensure_user("u")
        assert await calling.ensure_thread("t", "u")
        assert not await calling.ensure_thread("t2", "nobody")
        await calling.add_messages("t", [OutgoingMessage(outbox_id="1", role="user", content="hi", created_at="")])
        assert [m.outbox_id for m in await calling.newest_messages("t", 5)] == ["1"]
        zep.then("timeout")
        with pytest.raises(ZepFailure):
            await calling.read_context("t")
        await calling.delete_user("u")

    asyncio.run(use())
    assert [method for method, _ in zep.calls][-2:] == ["read_context", "delete_user"]


# -- Zep -------------------------------------------------------------------------------------------------------------


def test_the_script_goes_call_by_call_and_then_on_as_before() -> None:
    app = guarded()
    app.zep.then("not_found", "server_error", "answered")
    found = [read(app, f"t{number}") for number in range(4)]
    assert [(one.status, one.detail) for one in found] == [
        ("empty", "not_found"),
        ("failed", "server_error"),
        ("fresh", ""),
        ("fresh", ""),
    ]


def test_an_outcome_that_is_none_is_named_with_those_that_are() -> None:
    zep = FakeZep(FakeClock())
    for tell in (zep.fails, zep.then):
        with pytest.raises(ValueError, match="'sloth': use one of answered, not_found, timeout"):
            tell("sloth")


def test_a_call_takes_the_time_that_it_is_told_to() -> None:
    app = guarded()
    app.zep.takes(0.75)
    assert read(app).latency_s == 0.75


def test_zep_may_ask_for_a_pause() -> None:
    app = guarded()
    app.zep.fails("rate_limited", retry_after_s=30)
    read(app)
    app.zep.answers()
    app.clock.advance(29)
    assert read(app).status == "negative"
    app.clock.advance(1)
    assert read(app).status == "fresh"


# -- recorder, factory -----------------------------------------------------------------------------------------------


def test_the_recorder_keeps_notices_lines_and_transitions() -> None:
    app = guarded()
    app.zep.fails("timeout")
    for number in range(3):
        read(app, f"t{number}")
    assert [ended.failures for ended in app.seen.told(CallEnded)] == [1, 2, 3]
    assert app.seen.transitions[-1] == "downgraded"
    assert app.seen.logged("zep_context_failure")["consecutive_failures"] == 3
    with pytest.raises(AssertionError, match="was logged 3 times"):
        app.seen.never_logged("zep_context_failure")
    app.seen.clear()
    with pytest.raises(AssertionError, match="but: nothing"):
        app.seen.logged("memory_mode_forced")
    app.store.away()
    app.clock.advance(2)
    read(app)
    assert isinstance(app.seen.told(StoreAnswered)[0].error, StoreUnavailable)
    assert app.seen.logged("memory_store_unavailable")["level"] == "error"


def test_two_of_one_fleet_agree() -> None:
    one = guarded()
    other = one.another()
    one.zep.fails("auth")
    read(one)
    one.clock.advance(1)
    assert other.memory.mode() == "write_only"
    assert other.seen.transitions == [], "told once, by the one whose step it was"
    reader = one.another({"FLAG_ZEP_READ": "false"})
    assert reader.settings.base_mode == "write_only"


def test_coroutines_have_the_same_fleet() -> None:
    app = guarded()
    app.zep.fails("auth")
    result = asyncio.run(app.for_asyncio().read_context(user_id="u", thread_id="t"))
    assert (result.status, result.mode) == ("failed", "write_only")
    app.seen.logged("zep_auth_failure_auto_downgrade")
    assert app.memory.mode() == "write_only"


def test_variables_of_the_process_count_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLAG_ZEP_READ", "false")
    assert guarded().memory.mode() == "read_write"
    with pytest.raises(SettingsError, match="ZEP_TIMEOUT_MS"):
        guarded({"ZEP_TIMEOUT_MS": "soon"})


def test_each_process_of_the_fleet_is_a_witness_of_its_own() -> None:
    app = guarded({"ZEP_FAILURE_WITNESSES": "3"})
    fleet = [app, app.another(), app.another()]
    app.zep.fails("timeout")
    for number, one in enumerate(fleet):
        assert app.memory.mode().value == "read_write"
        read(one, f"t{number}")
        app.clock.advance(1)
    assert [one.memory.mode().value for one in fleet] == ["write_only"] * 3


def test_a_process_for_asyncio_is_a_witness_too() -> None:
    app = guarded({"ZEP_FAILURE_WITNESSES": "3"})
    app.zep.fails("timeout")
    read(app, "t0")
    for number in (1, 2):
        assert app.memory.mode().value == "read_write"
        asyncio.run(app.for_asyncio().read_context(user_id="u", thread_id=f"t{number}"))
        app.clock.advance(1)
    assert app.memory.mode().value == "write_only"
