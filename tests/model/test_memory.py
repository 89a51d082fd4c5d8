"""The state machine over the store in memory."""

import pytest

from tests.model.machine import EXAMPLES, run
from tests.model.world import World
from twofold.testing import MemoryStore

pytestmark = pytest.mark.timeout(0 if EXAMPLES else 120)


def world(profile: str) -> World:
    store = MemoryStore()
    store.add_user(7, "ann@example.com")
    store.add_user(8, "bob@example.com")
    return World(store, (7, 8), profile)


@pytest.mark.parametrize("profile", ["recommended", "pci_dss"])
def test_every_answer_and_every_row_is_as_foretold(profile):
    """
    Whatever two users, thieves, clocks, keys and crashes do: G1 to G8 hold, and each answer is the one of the design.
    """
    run(lambda: world(profile), examples=50)
