"""The store of world sim: away it refuses, back it has what it had, and the rules in two languages are compared."""

import pytest

from guard.core.events import Force
from guard.core.modes import Reason
from guard.core.settings import read_settings
from guard.errors import StoreUnavailable
from zepguard.worlds.sim.store import StoreServer

NOW = 1_767_600_000.0
SETTINGS = read_settings({"GUARD_REDIS_URL": "redis://guard-store.sim:6379/0"})
FORCE = Force(reason=Reason.ROLLBACK, ttl_s=900.0)


@pytest.fixture
def server() -> StoreServer:
    return StoreServer(lambda: NOW)


def test_a_store_that_is_away_refuses_and_comes_back_with_what_it_had(server: StoreServer) -> None:
    store = server.store(SETTINGS)
    store.apply(FORCE)
    server.take_away()
    assert (server.away, server.refused) == (True, 0)
    with pytest.raises(StoreUnavailable):
        store.snapshot()
    assert server.refused == 1
    server.put_back()
    assert store.snapshot().record.reason is Reason.ROLLBACK
    assert not server.away


def test_rules_that_agree_leave_no_word(server: StoreServer) -> None:
    server.store(SETTINGS).apply(FORCE)
    assert server.differences() == ()


def test_a_rule_that_was_changed_in_one_language_alone_is_told_once(
    server: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zepguard.worlds.sim import store

    right = store.step
    monkeypatch.setattr(store, "step", lambda record, event, now, policy: right(record, event, now + 1, policy))
    server.store(SETTINGS).apply(FORCE)
    (difference,) = server.differences()
    assert difference.startswith("Force: the record by guard.core.machine, then by transition.lua: since ")
    assert server.differences() == ()
