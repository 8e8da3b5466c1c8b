"""The body of an answer: how large it may be, and how it is unpacked."""

from __future__ import annotations

import zlib

__all__ = ["BODY_BYTES_MAX", "ENCODINGS", "Body", "UnreadableBody"]

BODY_BYTES_MAX = 4_000_000
"""Of one answer, before and after unpacking: 100 messages of 4,096 characters (contract, section 5) are under 3 MB."""

ENCODINGS = "gzip"
"""What Zep is told that we unpack."""

_GZIP = 16 + zlib.MAX_WBITS


class UnreadableBody(Exception):
    """The body is larger than ``BODY_BYTES_MAX``, or cannot be unpacked."""


class Body:
    """Collects the body of one answer.

    Args:
        encoding: the answer's ``Content-Encoding``.
        announced: its ``Content-Length``, or an empty string.

    Raises:
        UnreadableBody: more is announced than is taken, or the encoding is not known.
    """

    def __init__(self, *, encoding: str, announced: str) -> None:
        self._encoding = encoding.strip().lower()
        if self._encoding not in ("", "identity", "gzip", "x-gzip"):
            raise UnreadableBody(f"the answer has another encoding than {ENCODINGS}, which it was asked for")
        self._parts: list[bytes] = []
        self._room = BODY_BYTES_MAX
        if announced.isdigit() and (len(announced) > 15 or int(announced) > BODY_BYTES_MAX):
            raise _too_large()

    def add(self, part: bytes) -> None:
        """Take the next part; raises ``UnreadableBody`` if it is one too many."""
        self._room -= len(part)
        if self._room < 0:
            raise _too_large()
        self._parts.append(part)

    def whole(self) -> bytes:
        """Give the body, unpacked.

        Raises:
            UnreadableBody: it is not what its encoding says, or too large when unpacked.
        """
        packed = b"".join(self._parts)
        if self._encoding in ("", "identity") or not packed:
            return packed
        unpacking = zlib.decompressobj(_GZIP)
        try:
            body = unpacking.decompress(packed, BODY_BYTES_MAX + 1)
        except zlib.error as error:
            raise UnreadableBody(f"the answer is no gzip: {error}") from error
        if len(body) > BODY_BYTES_MAX:
            raise _too_large()
        if not unpacking.eof:
            raise UnreadableBody("the answer's gzip ends too early")
        return body


def _too_large() -> UnreadableBody:
    return UnreadableBody(f"the answer is larger than {BODY_BYTES_MAX:,} bytes")
