"""From messages to facts to the context block.

Extraction is deterministic, so that a drill can say what must be in a context: the fact is the text of a
user's message on one line, cut to the fact limit (contract sections 5, 6 and 7).
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice

from fakezep.core._store import Fact, Message

_HEAD = """\
# These are the most relevant facts and their valid date ranges
# format: FACT (Date range: from - to)
<FACTS>
"""
_TAIL = "</FACTS>"
_NO_LONGER = "no longer "


def fact_of(message: Message, chars_max: int) -> Fact | None:
    """The fact that a message gives, or None: only messages of role ``user`` with a visible text give one."""
    text = " ".join(message.content.splitlines())[:chars_max]
    if message.role != "user" or not text.strip():
        return None
    return Fact(text=text, message_uuid=message.uuid, valid_from=message.created_at, ready_at=message.ready_at)


def newest_ready(facts: Sequence[Fact], now: float, count_max: int) -> list[Fact]:
    """The newest ``count_max`` facts which are ready at ``now``, newest first."""
    ready = (fact for fact in reversed(facts) if fact.ready_at <= now)
    return list(islice(ready, count_max))


def context_block(facts: Iterable[Fact]) -> str:
    """The block in the documented shape (contract section 7), one line a fact; empty when there is none.

    Args:
        facts: newest first. "I no longer live in Girne" ends "I live in Girne" (section 6, rule 4).
    """
    lines, ended = [], dict[str, float]()
    for fact in facts:
        text = fact.text.casefold()
        until = _date(ended[text]) if text in ended else "present"
        lines.append(f"  - {fact.text} ({_date(fact.valid_from)} - {until})\n")
        if _NO_LONGER in text:
            ended[text.replace(_NO_LONGER, "", 1)] = fact.valid_from
    return _HEAD + "".join(lines) + _TAIL if lines else ""


def _date(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(sep=" ", timespec="seconds")
