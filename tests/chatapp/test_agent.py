"""The reply agent."""

from hypothesis import given
from hypothesis import strategies as st

from chatapp.agent import NO_MEMORY, compose, current_facts

CONTEXT = """\
# This is the user summary
<USER_SUMMARY>
likes (sunny) places - mostly
</USER_SUMMARY>

# These are the most relevant facts and their valid date ranges
# format: FACT (Date range: from - to)
<FACTS>
  - wants a flat in Girne (2024-11-14 02:13:19+00:00 - present)
  - wants a house in Lefke (2024-07-30 00:00:00+00:00 - 2024-08-30 00:00:00+00:00)
  - has a dog (a big one) (date unknown - present)
  - pays in euro
</FACTS>
"""


def test_facts_come_without_dates_and_those_that_ended_not_at_all() -> None:
    assert current_facts(CONTEXT) == ["wants a flat in Girne", "has a dog (a big one)", "pays in euro"]


def test_a_reply_tells_whether_memory_went_into_it() -> None:
    assert "".join(compose("hi", CONTEXT)).endswith(
        "I remember: wants a flat in Girne; has a dog (a big one); pays in euro"
    )
    assert "".join(compose("hi", "")).endswith(NO_MEMORY)
    assert "".join(compose("hi", "<FACTS>\n</FACTS>")).endswith(NO_MEMORY)


@given(message=st.text(min_size=1), context=st.text() | st.text().map(lambda t: f"<FACTS>\n{t}\n</FACTS>"))
def test_any_text_gets_the_same_reply_each_time(message: str, context: str) -> None:
    tokens = compose(message, context)
    assert tokens == compose(message, context)
    assert all(tokens)
    assert len(tokens) > 2
