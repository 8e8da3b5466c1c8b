"""The reply agent: pure and deterministic, so that a test can tell what memory added to an answer."""

from __future__ import annotations

import re

__all__ = ["APOLOGY", "NO_MEMORY", "AgentDown", "compose", "current_facts"]

APOLOGY = "I am sorry, something went wrong on my side. Please try again."
"""The reply when the agent itself fails."""

NO_MEMORY = "(no memory)"
"""What stands in a reply that no memory went into."""

_QUOTE_CHARACTERS_MAX = 60
_FACTS_MAX = 20

_FACTS = re.compile(r"<FACTS>\n(.*?)</FACTS>", re.DOTALL)
_DATES = re.compile(r" \((?P<range>[^()]* - (?P<end>[^()]*))\)$")


class AgentDown(Exception):
    """The agent cannot answer; as with a language model's own errors, the text quotes the person."""


def current_facts(context: str) -> list[str]:
    """The facts in a context block (contract, section 7) that have not ended, without their dates."""
    facts = []
    for block in _FACTS.findall(context):
        for line in block.splitlines():
            fact = line.strip().removeprefix("- ").strip()
            dates = _DATES.search(fact)
            if dates and dates["end"].strip() != "present":
                continue
            fact = fact[: dates.start()] if dates else fact
            if fact:
                facts.append(fact)
    return facts


def compose(message: str, context: str) -> list[str]:
    """The reply as tokens; joined, they are the reply.

    Args:
        message: what the person wrote.
        context: the context block from memory, or ``""``.
    """
    facts = current_facts(context)[:_FACTS_MAX]
    known = f"I remember: {'; '.join(facts)}" if facts else NO_MEMORY
    quote = " ".join(message.split())
    if len(quote) > _QUOTE_CHARACTERS_MAX:
        quote = quote[: _QUOTE_CHARACTERS_MAX - 1] + "…"
    return re.findall(r"\s*\S+", f"You wrote: {quote}\n{known}")
