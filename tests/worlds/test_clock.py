"""Virtual time: exact, in order, and lanes run beside the main course without ever running at once."""

import asyncio
import threading
import time

import pytest

from zepguard.worlds.sim.clock import START, VirtualClock
from zepguard.worlds.sim.frozen import FrozenTime


def test_time_passes_when_somebody_sleeps_and_only_then() -> None:
    clock = VirtualClock()
    clock.sleep(300)
    assert (clock.monotonic(), clock.time()) == (300.0, START + 300)


def test_an_age_is_the_exact_difference_of_two_times() -> None:
    clock = VirtualClock()
    for _ in range(1000):
        clock.sleep(0.02)  # no exact float
    before = clock.monotonic()
    clock.sleep(0.25)
    assert clock.monotonic() - before == 0.25


def test_what_is_due_is_done_in_order_of_time_at_its_own_time() -> None:
    clock = VirtualClock()
    done: list[tuple[str, float]] = []
    clock.after(2, lambda: done.append(("late", clock.monotonic())))
    clock.after(1, lambda: done.append(("early", clock.monotonic())))
    clock.after(9, lambda: done.append(("not yet", clock.monotonic())))
    clock.sleep(5)
    assert done == [("early", 1.0), ("late", 2.0)]


def test_each_step_of_time_is_told() -> None:
    told: list[float] = []
    clock = VirtualClock(told.append)
    clock.after(1, lambda: None)
    clock.sleep(3)
    assert told == [START + 1, START + 3]


def test_a_lane_takes_its_own_time_and_the_main_course_none_of_it() -> None:
    clock = VirtualClock()
    seen: list[tuple[str, float]] = []

    def work() -> None:
        clock.sleep(1.5)
        seen.append(("lane", clock.monotonic()))
        clock.sleep(1.5)
        seen.append(("lane", clock.monotonic()))

    clock.start_lane(work, done=lambda: seen.append(("done", clock.monotonic())))
    assert clock.monotonic() == 0.0
    clock.sleep(2)
    seen.append(("main", clock.monotonic()))
    clock.sleep(2)
    assert seen == [("lane", 1.5), ("main", 2.0), ("lane", 3.0), ("done", 3.0)]


def test_two_lanes_interleave_by_time() -> None:
    clock = VirtualClock()
    seen: list[tuple[str, float]] = []

    def work(name: str, nap_s: float) -> None:
        for _ in range(2):
            clock.sleep(nap_s)
            seen.append((name, clock.monotonic()))

    clock.start_lane(lambda: work("slow", 3), done=lambda: None)
    clock.start_lane(lambda: work("fast", 2), done=lambda: None)
    clock.sleep(10)
    assert seen == [("fast", 2.0), ("slow", 3.0), ("fast", 4.0), ("slow", 6.0)]


def test_an_error_in_a_lane_reaches_whoever_let_time_pass() -> None:
    clock = VirtualClock()

    def work() -> None:
        clock.sleep(1)
        raise ValueError("broken")

    clock.start_lane(work, done=lambda: None)
    with pytest.raises(ValueError, match="broken"):
        clock.sleep(1)


def test_closing_ends_the_lanes_that_sleep() -> None:
    clock = VirtualClock()
    before = threading.active_count()
    ended: list[str] = []

    def work() -> None:
        try:
            clock.sleep(60)
        except Exception:
            ended.append("an error handler must not see it")
        finally:
            ended.append("unwound")

    clock.start_lane(work, done=lambda: None)
    clock.close()
    assert ended == ["unwound"]
    assert threading.active_count() == before


def test_lanes_that_were_cut_stay_as_they_are_when_time_comes_to_where_they_slept() -> None:
    clock = VirtualClock()
    seen: list[str] = []

    def work() -> None:
        clock.sleep(1)
        seen.append("went on")

    clock.start_lane(work, done=lambda: seen.append("done"))
    clock.cut_lanes()
    clock.sleep(2)
    assert seen == ["done"]
    clock.close()


def test_a_loop_in_another_thread_sets_no_timer_in_virtual_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """freezegun freezes the clock a moment before it gives loops their real time, and the other way round at its end.

    A server that sets a timer in such a moment would wait for years; here the moment lasts.
    """
    frozen = FrozenTime()
    frozen.start()
    frozen.stop()
    monkeypatch.setattr(time, "monotonic", lambda: START)
    loop = asyncio.new_event_loop()
    assert loop.time() < START
    loop.close()
