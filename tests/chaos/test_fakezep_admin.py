"""The client of the fake Zep's controls, against the real fake."""

import pytest

from chaos.errors import AdminKeyRefused, AdminRequestRefused, FakeZepUnreachable
from chaos.fakezep_admin import FakeZepAdmin, FaultSpec
from fakezep.testing import RunningFakeZep

from .conftest import free_port

SPECS = [
    FaultSpec(kind="status", status=503),
    FaultSpec(kind="status", status=429, retry_after_s=5, count=2, share=0.5, routes=("context", "warm")),
    FaultSpec(kind="lose_answer", routes=("add_messages",), user_id="ada", thread_id="t"),
    FaultSpec(kind="answer_late", delay_s=2.5, method="GET"),
    FaultSpec(kind="drip", interval_s=0.5),
    FaultSpec(kind="status", status=500, body={"a": 1}, content_type="application/json"),
    FaultSpec(kind="empty_context"),
]


@pytest.mark.parametrize("spec", SPECS)
def test_a_fault_is_known_again_by_its_looks(spec: FaultSpec, admin: FakeZepAdmin) -> None:
    """What comes back in the list is what was asked for, and no other."""
    fault_id = admin.add_fault(spec)
    (active,) = admin.faults()
    assert active.id == fault_id
    assert (active.hits, active.remaining) == (0, spec.count)
    assert [other for other in SPECS if other.is_told_by(active.told)] == [spec]
    assert admin.remove_fault(fault_id)
    assert not admin.remove_fault(fault_id)


def test_keys_and_latency_are_read_and_written(admin: FakeZepAdmin, fakezep: RunningFakeZep) -> None:
    """What is put is what is got."""
    admin.health()
    assert admin.keys() == (fakezep.api_key,)
    admin.put_keys(["new"])
    assert admin.keys() == ("new",)
    admin.put_latency(0.5, jitter_s=0.1, route="context")
    assert admin.latency()["routes"] == {"context": {"seconds": 0.5, "jitter_s": 0.1}}
    admin.clear_latency()
    assert admin.latency()["routes"] == {}
    admin.reset()
    assert admin.keys() == (fakezep.api_key,)


def test_nothing_there_is_nothing(admin: FakeZepAdmin) -> None:
    """An id or a thread that is not there is an answer."""
    assert not admin.remove_fault("f/9?9")
    assert admin.stored_messages("no such/thread") == ()
    assert admin.journal().entries == ()
    assert admin.store()["threads"] == []
    admin.clear_faults()


def test_errors_say_what_to_do(fakezep: RunningFakeZep) -> None:
    """Wrong key, bad input, nobody there: three errors."""
    with FakeZepAdmin(fakezep.url, "wrong") as wrong, pytest.raises(AdminKeyRefused, match="give the one"):
        wrong.keys()
    with (
        FakeZepAdmin(fakezep.url, fakezep.admin_key) as admin,
        pytest.raises(AdminRequestRefused, match="routes are"),
    ):
        admin.add_fault(FaultSpec(kind="status", routes=("nowhere",)))
    away = FakeZepAdmin(f"http://127.0.0.1:{free_port()}", "a")
    with away, pytest.raises(FakeZepUnreachable, match="start it"):
        away.health()
