"""An operator's hand on the outbox, over a real fake Zep: dead letters sent again or dropped, a person forgotten."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest

from fakezep.testing import RunningFakeZep, running_fakezep
from guard import MemoryService, logs, read_settings
from guard.errors import UnsafeId
from guard.outbox.delivery import deliver
from guard.outbox.operator import OutboxOperator
from tests.outbox.conftest import Outbox


@pytest.fixture
def zep() -> Iterator[RunningFakeZep]:
    with running_fakezep() as server:
        yield server


@pytest.fixture
def service(zep: RunningFakeZep, tmp_path: Path) -> Iterator[MemoryService]:
    logs.configure(str(tmp_path / "guard.log"))
    variables = {
        "FLAG_ZEP_WRITE": "true",
        "FLAG_ZEP_READ": "true",
        "ZEP_ENABLED": "true",
        "ZEP_BASE_URL": zep.url,
        "ZEP_API_KEY": zep.api_key,
        "ZEPGUARD_OUTBOX_SETTLE_S": "0.2",
    }
    service = MemoryService(read_settings(variables))
    yield service
    service.close()
    logs.configure()


@pytest.fixture
def operator(service: MemoryService, outbox: Outbox) -> OutboxOperator:
    return OutboxOperator(service, outbox.rows)


def deliver_all(service: MemoryService, outbox: Outbox) -> None:
    while (batch := outbox.rows.claim(now=time.time() + 3600, lease_s=30, settle_s=0.2)) is not None:
        if not deliver(service, outbox.rows, batch):
            return


def letter(outbox: Outbox, content: str = "no") -> int:
    """A dead letter; its key."""
    outbox.accept("t", content)
    batch = outbox.rows.claim(now=time.time() + 3600, lease_s=30)
    assert batch is not None
    assert outbox.rows.bury(batch, batch.rows[0].key, reason="HTTP 400", now=time.time())
    return max(found.key for found in outbox.rows.dead_letters())


def audit(tmp_path: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (tmp_path / "guard.log").read_text().splitlines()]
    return [line for line in lines if line["event"] == "user_forgotten"]


def stored(zep: RunningFakeZep, thread_id: str) -> Any:
    headers = {"Authorization": f"Api-Key {zep.api_key}"}
    return httpx.get(f"{zep.url}/api/v2/threads/{thread_id}/messages", headers=headers)


def test_a_dead_letter_is_sent_again_and_delivered(
    service: MemoryService, outbox: Outbox, operator: OutboxOperator, zep: RunningFakeZep
) -> None:
    key = letter(outbox, "hello")
    assert operator.counts().dead == 1
    assert operator.send_again(key) is True
    assert operator.send_again(key) is False
    deliver_all(service, outbox)
    assert (operator.counts().dead, operator.counts().depth) == (0, 0)
    assert [message["content"] for message in stored(zep, "t").json()["messages"]] == ["hello"]


def test_a_dropped_letter_is_gone(outbox: Outbox, operator: OutboxOperator) -> None:
    key = letter(outbox)
    assert operator.drop(key) is True
    assert operator.drop(key) is False
    assert list(operator.dead_letters()) == []


def test_all_dead_letters_are_listed_step_by_step(
    outbox: Outbox, operator: OutboxOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [letter(outbox, f"m{number}") for number in range(5)]
    monkeypatch.setattr("guard.outbox.operator._LETTERS_A_STEP", 2)
    assert [found.key for found in operator.dead_letters()] == keys


def test_a_person_is_forgotten_everywhere_and_nobody_else(
    service: MemoryService, outbox: Outbox, operator: OutboxOperator, zep: RunningFakeZep, tmp_path: Path
) -> None:
    for user_id in ("ada@example.com", "eve"):
        outbox.accept(f"of-{user_id}", "delivered", user_id=user_id)
    deliver_all(service, outbox)
    assert service.read_context(user_id="ada@example.com", thread_id="of-ada@example.com").text
    for user_id in ("ada@example.com", "eve"):
        outbox.accept(f"of-{user_id}", "waiting", user_id=user_id)
    erasure = operator.forget_user("ada@example.com")
    assert (erasure.contexts, erasure.zep, erasure.undone) == (1, True, ())
    assert erasure.messages >= 1
    assert stored(zep, "of-ada@example.com").status_code == 404
    assert stored(zep, "of-eve").status_code == 200
    assert set(outbox.stored("user_id")) == {"eve"}
    assert service.store().thread_entry("of-ada@example.com", "ada@example.com").kept is None
    (line,) = audit(tmp_path)
    assert line["user_id"].startswith("email:")
    assert "ada@example.com" not in (tmp_path / "guard.log").read_text()


def test_a_turn_that_reads_while_its_person_is_forgotten_leaves_no_context(
    service: MemoryService, outbox: Outbox, operator: OutboxOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until Zep's copy is gone a read brings it back into the caches."""
    outbox.accept("of-ada", "delivered", user_id="ada")
    deliver_all(service, outbox)
    write = service.write

    def read_then_write(thread_id: str, perform: Callable[[Any], Any]) -> Any:
        assert service.read_context(user_id="ada", thread_id="of-ada").text
        return write(thread_id, perform)

    monkeypatch.setattr(service, "write", read_then_write)
    assert operator.forget_user("ada").contexts == 1
    assert service.store().thread_entry("of-ada", "ada").kept is None


def test_a_request_under_way_is_waited_for(
    service: MemoryService, outbox: Outbox, zep: RunningFakeZep, wait_for: Callable[..., Any]
) -> None:
    """Zep's copy goes after the last request that could land; nothing of the person is there at the end."""
    outbox.accept("t", "late", user_id="ada")
    batch = outbox.rows.claim(now=time.time(), lease_s=30.0, settle_s=0.2)
    assert batch is not None
    waited: list[float] = []
    landed = Event()

    def pause(seconds: float) -> None:
        waited.append(seconds)
        if not landed.is_set():
            landed.set()
            assert deliver(service, outbox.rows, batch)
            assert [message["content"] for message in stored(zep, "t").json()["messages"]] == ["late"]

    erasure = OutboxOperator(service, outbox.rows, pause=pause).forget_user("ada")
    assert waited
    assert erasure.undone == ()
    assert stored(zep, "t").status_code == 404


def test_what_could_not_be_done_is_said_and_the_rest_is_done(
    service: MemoryService, outbox: Outbox, operator: OutboxOperator, tmp_path: Path
) -> None:
    outbox.accept("t", "waiting", user_id="ada")
    service._way_to_zep().close()
    erasure = operator.forget_user("ada")
    assert (erasure.messages, erasure.zep) == (1, False)
    assert "run the same command again" in erasure.undone[0]
    assert audit(tmp_path)[0]["zep"] is False
    assert outbox.stored("user_id") == []


def test_an_unsafe_id_is_refused_before_anything_is_touched(outbox: Outbox, operator: OutboxOperator) -> None:
    outbox.accept("t", "waiting", user_id="ada")
    with pytest.raises(UnsafeId):
        operator.forget_user("a/b")
    assert len(outbox.stored("id")) == 1
