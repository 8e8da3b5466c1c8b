"""When turns are due, and in which threads."""

from __future__ import annotations

from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.memory_share import in_share
from zepguard.load.schedule import SHARE, TURNS_IN_CHAT, Arm, DueTurn, Plan

plans = st.builds(
    Plan,
    users=st.integers(1, 8).map(lambda half: 2 * half),
    rate_per_s=st.floats(0.5, 50),
    duration_s=st.floats(0.1, 20),
    seed=st.integers(),
)


def all_turns(plan: Plan) -> list[DueTurn]:
    return sorted((turn for user in range(plan.users) for turn in plan.turns_of(user)), key=lambda turn: turn.due_s)


@given(plans)
def test_one_turn_is_due_in_each_slot_and_none_outside_the_run(plan: Plan) -> None:
    due = [turn.due_s * plan.rate_per_s for turn in all_turns(plan)]
    assert len(due) == plan.slots
    assert all(slot - 1e-6 <= moment <= slot + 1 + 1e-6 for slot, moment in enumerate(due))


@given(plans)
def test_the_arms_take_turns(plan: Plan) -> None:
    arms = [turn.arm for turn in all_turns(plan)]
    assert all(one is not other for one, other in pairwise(arms))


@given(plans)
def test_a_thread_is_in_its_arm_by_its_hash_as_the_app_sees_it(plan: Plan) -> None:
    for turn in all_turns(plan):
        assert in_share(turn.thread_id, SHARE) is (turn.arm is Arm.STAGE)


@given(plans)
def test_a_user_has_one_chat_after_the_other_each_of_several_turns(plan: Plan) -> None:
    for user in range(plan.users):
        chats = [list(turns) for _, turns in groupby(plan.turns_of(user), key=lambda turn: turn.thread_id)]
        assert len({turns[0].thread_id for turns in chats}) == len(chats)
        assert all(len(turns) == TURNS_IN_CHAT for turns in chats[:-1])
        assert all([turn.number for turn in turns] == list(range(len(turns))) for turns in chats)


def test_no_two_users_share_a_thread_nor_two_runs() -> None:
    one, other = (Plan(users=10, rate_per_s=10, duration_s=60, seed=seed) for seed in (1, 2))
    threads = [{turn.thread_id for turn in plan.turns_of(user)} for plan in (one, other) for user in range(10)]
    assert len(set().union(*threads)) == sum(map(len, threads))


def test_users_are_out_of_step() -> None:
    """Moments within the second are spread: nothing that comes once a second is always met at the same place."""
    due = [turn.due_s % 1 for turn in Plan(users=2, rate_per_s=2, duration_s=100, seed=3).turns_of(0)]
    assert {int(moment * 5) for moment in due} == {0, 1, 2}  # the user's half of each second, all of it


@pytest.mark.parametrize(
    "wrong",
    [
        {"users": 3},
        {"users": 0},
        {"users": 100_000_000},
        {"rate_per_s": 0},
        {"rate_per_s": float("nan")},
        {"duration_s": float("inf")},
        {"rate_per_s": 1e9},
        {"duration_s": 999_999_999},
    ],
)
def test_what_cannot_be_planned_is_refused_by_name(wrong: dict[str, float]) -> None:
    fields = {"users": 2, "rate_per_s": 1, "duration_s": 1, "seed": 0} | wrong
    with pytest.raises(ValueError, match="give"):
        Plan(**fields)  # type: ignore[arg-type]
