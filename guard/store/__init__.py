"""Where the record lives: one protocol, an in-process store, and the shared one in Redis or Valkey."""

from guard.store.memory import MemoryStore
from guard.store.protocol import Applied, Store, ThreadEntry, Worker

__all__ = ["Applied", "MemoryStore", "Store", "ThreadEntry", "Worker"]
