"""The world of virtual time as a step meets it, and what it must leave as it found it."""

import os
import threading
import time

import pytest
import structlog

from fakezep import Fault, Kind
from zepguard.worlds import WorldError
from zepguard.worlds.sim import SimWorld
from zepguard.worlds.world import Metrics

SUM = "memory_zep_read_latency_seconds_sum"
COUNT = "memory_zep_read_latency_seconds_count"


def p95_edge_s(before: Metrics, after: Metrics) -> tuple[float, float]:
    """The bucket that holds the 95th percentile of the reads between two scrapes: its lower and its upper edge."""
    prefix = 'memory_zep_read_latency_seconds_bucket{le="'
    edges = sorted(
        (float(name.removeprefix(prefix).removesuffix('"}')), after[name] - before[name])
        for name in after.series
        if name.startswith(prefix)
    )
    wanted = 0.95 * (after[COUNT] - before[COUNT])
    lower = 0.0
    for upper, count in edges:
        if count >= wanted:
            return lower, upper
        lower = upper
    raise AssertionError("no reads between the scrapes")


# --- latency


@pytest.mark.parametrize("latency_s", [0.25, 0.3, 1.0])
def test_the_read_latencys_p95_is_what_the_scenario_configured(world: SimWorld, latency_s: float) -> None:
    before = world.metrics()
    world.set_latency(0.02)
    for number in range(2):
        world.say(f"quick {number}", thread=f"quick-{number}")
    world.set_latency(latency_s)
    for number in range(38):
        world.say(f"slow {number}", thread=f"slow-{number}")
    after = world.metrics()
    lower, upper = p95_edge_s(before, after)
    assert lower < latency_s <= upper
    assert upper == latency_s  # it stands on an edge, and not one read was over it
    assert after[COUNT] - before[COUNT] == 40
    assert after[SUM] - before[SUM] == pytest.approx(2 * 0.02 + 38 * latency_s, abs=40e-6)


def test_a_latency_fault_adds_to_the_read_and_to_what_the_person_waits(world: SimWorld) -> None:
    world.set_latency(0)
    before = world.metrics()
    world.start_fault("latency", latency_ms=250)
    turn = world.say("hello", thread="t")
    world.stop_faults()
    assert turn.took_s == 0.25
    assert world.metrics()[SUM] - before[SUM] == 0.25


def test_a_read_that_times_out_takes_the_whole_deadline(world: SimWorld) -> None:
    world.set_variables({"ZEP_TIMEOUT_MS": "500"})
    world.restart_worker()
    before = world.metrics()
    world.start_fault("black-hole")
    turn = world.say("hello", thread="t")
    assert (turn.status, turn.took_s) == (200, 0.5)
    assert turn.memory["detail"] == "timeout"
    assert world.metrics()[SUM] - before[SUM] == 0.5


# --- time


def test_three_hundred_seconds_pass_for_the_guard_the_log_and_django_alike(world: SimWorld) -> None:
    assert world.zep_mode("--force", "manual", "--ttl", "600").code == 0
    began = time.monotonic()  # frozen, like all that is not ours
    world.wait(300)
    assert time.monotonic() - began == 300.0
    assert world.held_s(300) == 300
    assert world.status()["forced"]["remaining_s"] == pytest.approx(299, abs=0.01)  # the command itself took 1 s
    world.zep_mode("--clear")
    times = [event["timestamp"] for event in world.log_events()]
    assert times[0].startswith("2026-01-05T08:00:00")
    assert times[-1].startswith("2026-01-05T08:05:01")


def test_deliveries_go_on_beside_the_chat_and_take_nothing_from_the_person(world: SimWorld) -> None:
    world.set_variables({"FLAG_ZEP_READ": "false"})
    world.restart_worker()
    world.start_fault("black-hole")
    turns = [world.say(f"message {number}", thread="t") for number in range(3)]
    assert [turn.took_s for turn in turns] == [0.0, 0.0, 0.0]
    before = world.metrics()["memory_zep_write_failures_total"]
    world.wait(1.4)
    assert world.metrics()["memory_zep_write_failures_total"] == before
    world.wait(0.2)
    assert world.metrics()["memory_zep_write_failures_total"] == before + 1


def test_messages_are_delivered_in_order_once_the_fault_is_off(world: SimWorld) -> None:
    world.say("message 0", thread="t")
    world.wait(1)  # thread and user are made by now
    world.start_fault("lost-answer", count=1)
    world.say("message 1", thread="t")
    world.say("message 2", thread="t")
    world.wait(10)
    world.stop_faults()
    users = [message.content for message in world.stored_messages("t") if message.role == "user"]
    assert users == ["message 0", "message 1", "message 2"]
    assert world.requests_to_zep(route="context", thread="t") == 2  # the third turn had the second one's context
    world.end()


def test_the_same_story_twice_has_the_same_events_at_the_same_times() -> None:
    def story() -> list[tuple[str, str]]:
        world = SimWorld()
        try:
            world.begin("a test")
            world.start_fault("black-hole")
            for number in range(4):
                world.say(f"message {number}", thread="t")
                world.wait(2)
            world.stop_faults()
            world.wait(300)
            world.say("and now", thread="t")
            return [(event["timestamp"], event["event"]) for event in world.log_events()]
        finally:
            world.close()

    first = story()
    assert "memory_mode_restored" in [event for _, event in first]
    assert story() == first


# --- programs


def test_a_restart_gives_new_pids_and_reads_the_variables_anew(world: SimWorld) -> None:
    before = world.processes()
    world.set_variables({"FLAG_ZEP_READ": "false"})
    assert world.status()["base"] == "read_write"  # by its workers, which have not read it yet
    world.restart_worker()
    after = world.processes()
    assert after["uvicorn"] == before["uvicorn"]
    assert after["celery_chat_worker"] not in (0, *before.values())
    said = world.zep_mode("--status").text.splitlines()
    assert "Base mode (from flags): write_only" in said
    assert any(line.strip().startswith("celery_chat_worker@") and line.endswith(": write_only") for line in said)


def test_a_worker_does_not_start_with_a_bad_value_and_people_get_a_503(world: SimWorld) -> None:
    former = world.variables()["ZEP_TIMEOUT_MS"]
    world.set_variables({"ZEP_TIMEOUT_MS": "soon"})
    with pytest.raises(WorldError, match="ZEP_TIMEOUT_MS='soon'"):
        world.restart_worker()
    assert world.processes()["celery_chat_worker"] == 0
    assert world.zep_mode("--status").code == 2
    turn = world.say("is anybody there", thread="t")
    assert turn.status == 503
    assert 4 <= turn.took_s <= 6
    world.set_variables({"ZEP_TIMEOUT_MS": former})
    world.restart_worker()
    assert world.say("is anybody there", thread="t").status == 200


def test_a_command_that_is_wrong_says_so_and_ends_with_2(world: SimWorld) -> None:
    nothing = world.zep_mode()
    assert nothing.code == 2
    assert "say what to do" in nothing.text
    assert world.zep_mode("--no-such-thing").code == 2


# --- a scenario's frame


@pytest.mark.parametrize("name", ["black-hole", "http-503", "no-op", "lost-answer"])
def test_a_fault_that_never_acted_makes_the_scenario_void(world: SimWorld, name: str) -> None:
    world.start_fault(name)
    with pytest.raises(WorldError, match=f"void: the fault {name}"):
        world.stop_faults()


@pytest.mark.parametrize("name", ["black-hole", "http-503", "no-op", "lost-answer"])
def test_a_fault_left_to_the_clean_up_needs_its_receipt_too_and_is_off_after_it(world: SimWorld, name: str) -> None:
    world.start_fault(name)
    with pytest.raises(WorldError, match=f"void: the fault {name}"):
        world.end()
    world.begin("the next one")
    assert world.say("hello", thread="t").memory["status"] == "empty"
    world.end()


def test_a_fault_left_to_the_clean_up_that_acted_is_told(world: SimWorld) -> None:
    world.start_fault("http-503", routes="context")
    world.say("hello", thread="t")
    world.end()
    assert world.evidence == ["http-503 seen: 1 hits in fakezep's journal"]


def test_a_killed_delivery_worker_says_nothing_and_another_goes_on_with_what_it_claimed(world: SimWorld) -> None:
    world.say("hello", thread="t")
    world.wait(1)  # thread and user are made by now
    before, failures = dict(world.processes()), world.metrics()["memory_zep_write_failures_total"]
    world.start_fault("latency", latency_ms=1400)
    world.say("again", thread="t")
    while len(world.stored_messages("t")) < 4:
        world.wait(0.1)
    world.wait(1)
    world.kill("celery_delivery_worker")
    assert world.processes()["celery_delivery_worker"] not in (0, before["celery_delivery_worker"])
    assert world.processes()["celery_chat_worker"] == before["celery_chat_worker"]
    assert world.metrics()["memory_zep_write_failures_total"] == failures
    world.stop_faults()
    world.wait(60)
    assert [one.content for one in world.stored_messages("t") if one.role == "user"] == ["hello", "again"]
    assert world.requests_to_zep(route="get_messages", thread="t") == 1
    with pytest.raises(WorldError, match="uvicorn"):
        world.kill("uvicorn")


def test_what_zep_holds_is_searched_and_a_refused_key_is_seen(world: SimWorld) -> None:
    world.say("my cat is called Grace", thread="t")
    world.wait(1)
    assert world.is_known_to_zep("called Grace")
    assert not world.is_known_to_zep("called Ada")
    assert world.key_refused() == ""
    world.set_variables({"ZEP_API_KEY": "bad_key_xyz"})
    world.restart_worker()
    world.say("hello", thread="u")
    assert "requests refused for their key" in world.key_refused()


def test_the_end_puts_variables_mode_and_faults_back_and_delivers_what_was_accepted(world: SimWorld) -> None:
    before = world.variables()
    world.set_variables({"FLAG_ZEP_READ": "false"})
    world.restart_worker()
    world.zep_mode("--force", "rollback", "--ttl", "900")
    world.start_fault("http-503")
    world.say("hello", thread="t")
    world.end()
    assert world.variables() == before
    assert world.status()["forced"] is None
    assert world.status()["base"] == "read_write"
    assert [message.content for message in world.stored_messages("t")][:1] == ["hello"]


def test_the_end_tells_of_an_accepted_message_that_zep_never_got(world: SimWorld) -> None:
    world._zep.faults.add(Fault(kind=Kind.STATUS, status=400, routes=("add_messages",)))
    world.say("hello", thread="t")
    with pytest.raises(WorldError, match="not in Zep"):
        world.end()


# --- a process that has had a world


def test_a_world_leaves_time_log_environment_database_and_threads_as_they_were() -> None:
    from django.conf import settings
    from django.db import connections

    SimWorld().close()  # sets Django up
    environ, log = dict(os.environ), structlog.get_config()
    database, secret = connections["default"], settings.CHATAPP_JWT_SECRET
    world = SimWorld()
    world.start_fault("black-hole")
    world.say("hello", thread="t")  # its delivery is under way when the world ends
    world.close()
    assert time.time() > 1_767_600_000 + 86_400
    assert (dict(os.environ), structlog.get_config()) == (environ, log)
    assert (connections["default"], settings.CHATAPP_JWT_SECRET) == (database, secret)
    assert not [thread for thread in threading.enumerate() if thread.name == "sim-lane"]


def test_worlds_one_after_the_other_begin_empty() -> None:
    for _ in range(2):
        world = SimWorld()
        try:
            world.begin("a test")
            assert world.metrics()['memory_mode_forced_total{reason="manual"}'] == 0
            world.zep_mode("--force", "manual", "--ttl", "60")
            assert world.metrics()['memory_mode_forced_total{reason="manual"}'] == 1
        finally:
            world.close()


def test_there_is_one_world_at_a_time(world: SimWorld) -> None:
    with pytest.raises(WorldError, match="close it first"):
        SimWorld()
    assert world.say("still here", thread="t").status == 200
