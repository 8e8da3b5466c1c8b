"""Reads that are under way while a step does something else, and what an operator sees of the outbox, in world sim."""

import pytest

from zepguard.worlds.sim import SimWorld
from zepguard.worlds.world import WorldError


def test_a_read_under_way_ends_when_it_is_waited_for_and_not_before(world: SimWorld) -> None:
    world.start_fault("late-answer", delay_s=1, count=1)
    world.begin_read("t")
    assert world.requests_to_zep(route="context", thread="t") == 1
    began = world.now()
    assert world.end_reads() == ["empty"]
    assert 0.9 < world.now() - began < 1.2
    assert world.end_reads() == []
    world.end()


def test_a_read_that_was_over_before_what_was_to_happen_meanwhile_is_void(world: SimWorld) -> None:
    world.start_fault("late-answer", delay_s=1, count=1)
    world.begin_read("t")
    world.wait(2)
    with pytest.raises(WorldError, match=r"void: a read was over too early: empty"):
        world.end_reads()


def test_a_read_that_asks_nothing_of_zep_is_void(world: SimWorld) -> None:
    world.zep_mode("--force", "manual", "--ttl", "60")
    with pytest.raises(WorldError, match="void: the read of t was over as soon as it began: skipped"):
        world.begin_read("t")


def test_of_a_person_who_is_forgotten_nothing_has_to_be_delivered_nor_is_anything_left(world: SimWorld) -> None:
    world.start_fault("http-429", routes="add_messages")
    world.say("on its way", thread="t")
    world.wait(1)
    assert world.is_in_outbox("on its way")
    done = world.forget_person()
    assert done.code == 0, done.text
    assert not world.is_in_outbox("on its way")
    world.end()
    assert world.stored_messages("t") == []


def test_a_dead_letter_is_in_the_outbox_and_goes_on_when_it_is_sent_again(world: SimWorld) -> None:
    world.start_fault("message-refused", content="a word")
    world.say("a word", thread="t")
    world.wait(5)
    assert world.is_in_outbox("a word")
    assert world.stored_messages("t") == []
    world.stop_faults()
    assert world.zep_mode("--outbox", "--resend", "all").code == 0
    world.wait(5)
    assert [one.role for one in world.stored_messages("t")] == ["user", "assistant"]
    world.end()


def test_a_killed_worker_says_nothing_more_of_its_read_and_keeps_what_it_held(world: SimWorld) -> None:
    world.start_fault("late-answer", delay_s=1, count=1)
    world.zep_mode("--force", "manual", "--ttl", "1")
    world.wait(1)
    world.begin_read("t")
    pid = world.processes()["celery_chat_worker"]
    world.kill_reads()
    assert world.processes()["celery_chat_worker"] not in (0, pid)
    assert world.say("the lease is another's", thread="u").memory["status"] == "skipped"
    world.wait(4)
    assert world.say("and now it is over", thread="u").memory["status"] == "fresh"
    assert world.end_reads() == []
    world.end()


def test_a_kill_with_no_read_under_way_is_void(world: SimWorld) -> None:
    with pytest.raises(WorldError, match="void: no read was under way"):
        world.kill_reads()


def test_a_store_that_had_nothing_to_lose_is_void(world: SimWorld) -> None:
    world.say("hello", thread="t")
    world.empty_store()
    with pytest.raises(WorldError, match="void: the guard's store had nothing to lose"):
        world.empty_store()


def test_the_end_waits_for_zeps_answer_too_which_the_next_scenario_would_count(world: SimWorld) -> None:
    from guard.django.models import OutboxMessage

    world.start_fault("latency", latency_ms=1400)
    world.say("hello", thread="t")
    while not world.stored_messages("t"):
        world.wait(0.1)
    assert OutboxMessage.objects.filter(state="sending").exists()
    world.end()
    assert not OutboxMessage.objects.exclude(state="delivered").exists()


def test_zep_has_a_message_dated_by_when_it_was_said(world: SimWorld) -> None:
    world.start_fault("http-429", routes="add_messages")
    said = world.now()
    world.say("hello", thread="t")
    world.wait(30)
    world.end()
    assert [round(one.at - said) for one in world.stored_messages("t")] == [0, 0]
