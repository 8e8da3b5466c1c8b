"""E-mail addresses and phone numbers, taken out of a text before it leaves.

    from guard.pii import redact

    redact("write to ali@example.com").text        # 'write to [EMAIL]'

Pure: no I/O, no clock, no log line. ``phonenumbers`` is imported when the first text with a possible number comes.
"""

from guard.errors import UnknownRegion
from guard.pii._phone import DEFAULT_REGIONS
from guard.pii._redaction import Finding, Kind, Redaction, redact

__all__ = ["DEFAULT_REGIONS", "Finding", "Kind", "Redaction", "UnknownRegion", "redact"]
