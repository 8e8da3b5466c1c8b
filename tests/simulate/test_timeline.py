"""Courses run one at a time, in the order of the agenda, and end where they are killed."""

from zepguard.simulate.timeline import Course, Timeline


def nothing(_: Course) -> None:
    """Not asked."""


def test_courses_take_turns_in_order_of_time() -> None:
    timeline, seen = Timeline(), list[tuple[float, str]]()

    def work(name: str, pause_s: float) -> None:
        for _ in range(2):
            timeline.sleep(pause_s)
            seen.append((timeline.now, name))

    timeline.start(None, lambda: work("a", 0.3), nothing)
    timeline.start(None, lambda: work("b", 0.2), nothing)
    timeline.run(1.0)
    assert seen == [(0.2, "b"), (0.3, "a"), (0.4, "b"), (0.6, "a")]
    assert timeline.now == 1.0


def test_a_course_started_by_a_course_outlives_it() -> None:
    timeline, seen = Timeline(), list[str]()

    def child() -> None:
        timeline.sleep(0.5)
        seen.append("child")

    timeline.start(None, lambda: [timeline.start(None, child, nothing), seen.append("parent")][1], nothing)
    timeline.run(1.0)
    assert seen == ["parent", "child"]


def test_a_killed_course_does_nothing_more_not_even_where_it_cleans_up() -> None:
    timeline, seen = Timeline(), list[str]()

    def work() -> None:
        try:
            timeline.sleep(0.5)
            seen.append("after")
        finally:
            timeline.sleep(0.1)
            seen.append("cleaned up")

    course = timeline.start(None, work, lambda _: seen.append("done"))
    timeline.at(0.2, course.kill)
    timeline.run(1.0)
    assert seen == ["done"]


def test_an_interruption_is_raised_where_the_course_stands_and_its_old_wake_up_is_void() -> None:
    timeline, seen = Timeline(), list[tuple[str, float]]()

    def work() -> None:
        try:
            timeline.sleep(0.5)
        except KeyError:
            seen.append(("interrupted", timeline.now))
        timeline.sleep(1.0)
        seen.append(("slept", timeline.now))

    course = timeline.start(None, work, nothing)
    timeline.at(0.2, lambda: course.interrupt(KeyError()))
    timeline.run(2.0)
    assert seen == [("interrupted", 0.2), ("slept", 1.2)]
