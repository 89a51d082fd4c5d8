"""One application over the store in memory, with a clock that stands still, and the people who use it."""

import pytest
from cryptography.fernet import Fernet

from tests.service.people import Person
from twofold import Event, KeyRing, TwoFactorAuth
from twofold.testing import MemoryStore, StoppedClock


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    store.add_user(7, "ann@example.com")
    store.add_user(8, "bob@example.com")
    return store


@pytest.fixture
def keys() -> KeyRing:
    return KeyRing([Fernet.generate_key().decode()])


@pytest.fixture
def told() -> list[Event]:
    """The events that `on_event` was told."""
    return []


@pytest.fixture
def auth(store: MemoryStore, clock: StoppedClock, keys: KeyRing, told: list[Event]) -> TwoFactorAuth:
    return TwoFactorAuth(issuer="Acme", keys=keys, store=store, clock=clock, on_event=told.append)


@pytest.fixture
def newcomer(auth: TwoFactorAuth, clock: StoppedClock) -> Person:
    """Somebody without a second factor."""
    return Person(auth, clock, 7)


@pytest.fixture
def person(newcomer: Person) -> Person:
    """Somebody enrolled, whose phone shows a code that nobody has used."""
    newcomer.enroll()
    return newcomer


@pytest.fixture
def somebody_else(auth: TwoFactorAuth, clock: StoppedClock) -> Person:
    """Another person, enrolled too."""
    other = Person(auth, clock, 8)
    other.enroll()
    return other
