"""One process of clients, from the first time step of a storm to its last."""

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from soak import scenes
from soak.client import Client
from soak.clock import FastClock
from soak.journal import Record
from soak.movers import Mover
from soak.people import Cast, Person

AT_ONCE = 20
"""Requests of one process under way; more are left out, so that a storm never piles up."""
OFFSET = 0.25
"""Which part of a time step has passed when all clients send."""


@dataclass(frozen=True)
class Brief:
    """
    What one process is told.

    Args:
        number: Which process this is, and of how many.
        until: When the storm is over, by the monotonic clock.
        movers: How many people live at once.
    """

    number: int
    of: int
    seed: int
    ports: Sequence[int]
    clock: FastClock
    until: float
    cast: Cast
    movers: int = 2
    hang_ups: float = 0
    replays: int = 1


def get_ready() -> None:
    """Load what a part needs, long enough for each process to do it."""
    time.sleep(0.5)


def take_part(brief: Brief) -> list[Record]:
    """Everything that this process asks, and what it was told."""
    return asyncio.run(_storm(brief))


async def _storm(brief: Brief) -> list[Record]:
    chance = random.Random(brief.seed * 1000 + brief.number)
    client = Client(brief.ports, brief.clock, chance, brief.hang_ups, brief.replays)
    for phone in brief.cast.phones:
        phone.fresh = phone.fresh[brief.number :: brief.of]
    own = iter(brief.cast.movers[brief.number :: brief.of])
    lives = [asyncio.create_task(_lives(client, own, brief.until)) for _ in range(brief.movers)]
    acts: set[asyncio.Task[object]] = set()
    done: list[asyncio.Task[object]] = []
    step = brief.clock.step() + 1
    while brief.clock.until_step(step) + time.monotonic() < brief.until:
        await client.wait_for_step(step, OFFSET)
        acting = list(scenes.of_step(client, brief.cast, step))
        # In the same order in every process, so that those meet that are not left out.
        random.Random(step).shuffle(acting)
        for act in acting:
            if len(acts) >= AT_ONCE:
                act.close()
                continue
            task = asyncio.create_task(act)
            acts.add(task)
            task.add_done_callback(acts.discard)
            done.append(task)
        step = max(step + 1, brief.clock.step())
    await asyncio.gather(*done, *lives)
    return client.records


async def _lives(client: Client, own: Iterator[Person], until: float) -> None:
    """One person after another."""
    for person in own:
        if time.monotonic() >= until:
            return
        await Mover(client, person).live(until)
