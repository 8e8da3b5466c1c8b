"""A share of threads has memory; those outside are as if there were no memory service."""

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from chatapp import memory
from chatapp.memory_share import in_share
from chatapp.turns.claims import Claim, claim, finish
from chatapp.turns.events import Done, MemoryNote
from chatapp.turns.question import Question
from guard.core.modes import Mode
from guard.django.models import OutboxMessage

DONE = Done(reply="yes", memory=MemoryNote(mode="off", status="skipped", detail="memory_share", used=False))

threads = st.text(max_size=40)
shares = st.floats(min_value=0, max_value=1)


@given(threads)
def test_a_share_of_one_has_all_and_of_nought_none(thread: str) -> None:
    assert in_share(thread, 1)
    assert not in_share(thread, 0)


@given(threads, shares, shares)
def test_a_thread_that_is_chosen_stays_chosen_when_the_share_grows(thread: str, one: float, other: float) -> None:
    least, most = sorted((one, other))
    assert not in_share(thread, least) or in_share(thread, most)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_share_of_many_threads_is_what_was_asked_for(share: float) -> None:
    chosen = sum(in_share(f"thread-{number}", share) for number in range(4000))
    assert chosen / 4000 == pytest.approx(share, abs=0.03)  # 3.8 standard deviations or more


def test_outside_the_share_nothing_is_read() -> None:
    with override_settings(CHATAPP_MEMORY_SHARE=0.0), memory.served_by(None):  # type: ignore[arg-type]
        context = memory.read_context(user_id="ada", thread_id="t")
    assert (context.mode, context.detail, context.text) == (Mode.OFF, "memory_share", "")


@pytest.mark.parametrize(("share", "kept"), [(0.0, 0), (1.0, 2)])
def test_outside_the_share_nothing_goes_into_the_outbox(thread_id: str, share: float, kept: int) -> None:
    asked = Question(user_id="ada", thread_id=thread_id, message="a question")
    with override_settings(CHATAPP_MEMORY_SHARE=share):
        assert claim(asked, attempt=1, supersedes=0) is Claim.HELD
        assert finish(asked, attempt=1, done=DONE)
    assert OutboxMessage.objects.filter(turn_id=asked.turn_id).count() == kept
