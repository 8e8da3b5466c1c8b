"""Settings of one fake server: keys, limits of the vendor, and answers that the contract leaves open."""

from dataclasses import dataclass, field
from typing import Literal

DEFAULT_API_KEY = "zep-local-key"
DEFAULT_ADMIN_KEY = "admin-local-key"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that may differ between two fake servers. Limits default to contract section 5.

    Raises ValueError, naming the setting, when a value makes no sense.
    """

    api_keys: tuple[str, ...] = field(default=(DEFAULT_API_KEY,), repr=False)
    """Keys accepted at the start and after a reset; empty locks everybody out."""
    admin_key: str = field(default=DEFAULT_ADMIN_KEY, repr=False)
    messages_per_call_max: int = 30
    message_chars_max: int = 4096
    metadata_keys_max: int = 10
    body_bytes_max: int = 5 * 1024 * 1024
    fact_chars_max: int = 250
    facts_in_context_max: int = 20
    """Newest facts shown in a context block."""
    messages_per_page: int = 100
    """GET messages without ``limit`` (contract section 5: legacy default)."""
    ingestion_delay_s: float = 0.0
    """Seconds from storing a message to its fact; ``math.inf`` is an ingestion that is stuck."""
    rate_limit_per_min: int = 100_000
    journal_entries_max: int = 100_000
    duplicate_status: Literal[400, 409] = 400
    """Answer to a user or thread that exists (contract section 4: 400, or 409 in a newer vendor)."""
    add_messages_status: Literal[200, 201] = 200
    """Success of add_messages: the documentation and the legacy server differ (contract section 8)."""
    empty_context: Literal[""] | None = ""
    """The context when nothing is known: empty or null (contract section 7 allows both)."""
    metadata_patch: Literal["merge", "replace"] = "merge"
    """What PATCH of a message's metadata does with the keys it does not name; the contract is silent."""

    def __post_init__(self) -> None:
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; give 1 or more")
        if not self.ingestion_delay_s >= 0:
            raise ValueError(f"ingestion_delay_s is {self.ingestion_delay_s}; give 0 or more seconds")
        if not self.admin_key:
            raise ValueError("admin_key is empty; give a key")
        if not all(self.api_keys):
            raise ValueError("api_keys holds an empty key; leave it out (no keys at all locks everybody out)")


_COUNTS = (
    "messages_per_call_max",
    "message_chars_max",
    "metadata_keys_max",
    "body_bytes_max",
    "fact_chars_max",
    "facts_in_context_max",
    "messages_per_page",
    "rate_limit_per_min",
    "journal_entries_max",
)
