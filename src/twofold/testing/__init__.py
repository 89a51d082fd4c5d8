"""
For the tests of hosts and of stores; also a pytest plugin.

A clock that stands still, a person with a phone or a security key in hand, a store in memory, and the contract that
every store keeps.
"""

from twofold.testing.clock import StoppedClock
from twofold.testing.memory_store import MemoryStore
from twofold.testing.phone import Phone, enroll
from twofold.testing.security_key import SecurityKey

try:
    from twofold.testing.plugin import twofold_clock
except ModuleNotFoundError as error:
    if error.name != "pytest":  # without it, all but its fixture is here
        raise

__all__ = ["MemoryStore", "Phone", "SecurityKey", "StoppedClock", "enroll", "twofold_clock"]
