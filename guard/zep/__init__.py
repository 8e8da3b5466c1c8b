"""The way to Zep: the official SDK with its retries off, inside one total deadline."""

from guard.zep.calls import Answer, StoredMessage, ZepCalls, ZepFailure

__all__ = ["Answer", "StoredMessage", "ZepCalls", "ZepFailure"]
