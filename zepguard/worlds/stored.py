"""A message as the fake Zep's controls show it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from zepguard.worlds.world import StoredMessage

__all__ = ["read_stored"]


def read_stored(told: Mapping[str, Any]) -> StoredMessage:
    """Read one message of ``GET /admin/store``."""
    at = datetime.fromisoformat(told["created_at"].replace("Z", "+00:00")).timestamp()
    return StoredMessage(role=told["role"], content=told["content"], at=at)
