"""One application over the store in memory, whose events are counted."""

import pytest

from tests.service.conftest import clock, keys, newcomer, person, store
from twofold import KeyRing, TwoFactorAuth
from twofold.prometheus import Metrics
from twofold.testing import MemoryStore, StoppedClock

__all__ = ["clock", "keys", "newcomer", "person", "store"]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def auth(store: MemoryStore, clock: StoppedClock, keys: KeyRing, metrics: Metrics) -> TwoFactorAuth:
    return TwoFactorAuth(issuer="Acme", keys=keys, store=store, clock=clock, on_event=metrics)
