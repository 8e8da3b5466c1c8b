"""The production guard for Zep, a chat product's memory service.

    from guard import MemoryService

    memory = MemoryService.from_env(program="celery_chat_worker")
    context = memory.read_context(user_id="u1", thread_id="t1")   # context.text, and why

Names are loaded when first used, so that importing the guard costs little.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from guard.async_service import AsyncMemoryService
    from guard.core.modes import Mode, Reason
    from guard.core.results import ContextResult, ContextStatus
    from guard.core.settings import Settings, read_settings
    from guard.service import MemoryService

__all__ = [
    "AsyncMemoryService",
    "ContextResult",
    "ContextStatus",
    "MemoryService",
    "Mode",
    "Reason",
    "Settings",
    "read_settings",
]

_HOMES = {
    "AsyncMemoryService": "guard.async_service",
    "ContextResult": "guard.core.results",
    "ContextStatus": "guard.core.results",
    "MemoryService": "guard.service",
    "Mode": "guard.core.modes",
    "Reason": "guard.core.modes",
    "Settings": "guard.core.settings",
    "read_settings": "guard.core.settings",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'guard' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
