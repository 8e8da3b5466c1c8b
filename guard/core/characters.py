"""Text that can be stored and sent: no halves of characters."""

from __future__ import annotations

import re

__all__ = ["REPLACEMENT", "whole_characters"]

REPLACEMENT = "\ufffd"
"""Unicode's sign for a character that could not be read."""

_HALF = re.compile("[\ud800-\udfff]")


def whole_characters(text: str) -> str:
    """Replace each half of a character (a lone surrogate) by ``REPLACEMENT``; as many characters as before.

    JSON can hold halves, from a program that cut an emoji in two. UTF-8 cannot, so neither store, database nor network
    takes them.
    """
    return _HALF.sub(REPLACEMENT, text)
