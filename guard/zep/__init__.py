"""The way to Zep: the official SDK with its retries off, inside one total deadline."""

from guard.zep.calls import Answer, AsyncZepCalls, StoredMessage, ZepCalls, ZepFailure

__all__ = ["Answer", "AsyncZepCalls", "StoredMessage", "ZepCalls", "ZepFailure"]
