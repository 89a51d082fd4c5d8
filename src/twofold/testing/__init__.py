"""For the tests of hosts and of stores: a store in memory, and the contract that every store keeps."""

from twofold.testing.clock import StoppedClock
from twofold.testing.memory_store import MemoryStore

__all__ = ["MemoryStore", "StoppedClock"]
