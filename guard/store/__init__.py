"""Where the record lives: one protocol, an in-process store, and the shared one in Redis or Valkey."""

from guard.store.memory import MemoryStore
from guard.store.protocol import Applied, Store, ThreadEntry

__all__ = ["Applied", "MemoryStore", "Store", "ThreadEntry"]
