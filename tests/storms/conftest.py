"""Clients, and a small world for each database, that go from short storm to short storm."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from soak.people import Numbers
from soak.storms import STORMS, Crowds, Result
from soak.world import World

SPEED = 60
"""A time step takes half a second."""
SECONDS = 2.0
FEW = Numbers(phones=5, papers=3, guessed=12, movers=6, fresh=8)


@pytest.fixture(scope="session")
def crowds() -> Iterator[Crowds]:
    crowds = Crowds(2)
    yield crowds
    crowds.close()


@pytest.fixture(scope="session")
def world_of() -> Iterator[Callable[..., World]]:
    """A world of this kind, with servers of its own: they are killed, and not everybody's would survive that."""
    known: dict[tuple[str, str], World] = {}
    with ExitStack() as stack:

        def world_of(kind: str, variant: str = "", *, lasts: bool = True) -> World:
            if (kind, variant) in known and lasts:
                return known[kind, variant]
            world = stack.enter_context(World(kind, speed=SPEED, variant=variant))
            return known.setdefault((kind, variant), world) if lasts else world

        yield world_of


@pytest.fixture(scope="session")
def storm(crowds: Crowds, world_of: Callable[..., World]) -> Callable[..., Result]:
    """The short form of a storm."""

    def storm(name: str, *, variant: str = "", seconds: float = SECONDS) -> Result:
        # After a failover the database has moved away.
        world = world_of(STORMS[name].kind, variant, lasts="failover" not in name)
        return crowds.run(STORMS[name], world, seconds=seconds, seed=1, numbers=FEW)

    return storm
