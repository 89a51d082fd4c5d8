"""The storms by name, and how one is run."""

import asyncio
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from soak import troubles
from soak.casting import gather
from soak.client import Client
from soak.crowd import Brief, get_ready, take_part
from soak.evidence import read
from soak.journal import CHANGES, PROBE, Record
from soak.people import Cast, Numbers
from soak.troubles import Trouble
from soak.verdict import Verdict, verdict
from soak.world import DRAIN_SECONDS, WORKERS, World

CLIENTS = 3
"""Processes of clients."""
ANSWER_SECONDS = 60
"""How long after a storm its last client may take."""
PROBES_AT_ONCE = 8
ROADS = {"second-factor", "step-up"}
"""Roads on which something is accepted in every storm."""


@dataclass(frozen=True)
class Storm:
    """
    One storm.

    Args:
        kind: The database.
        trouble: What goes on meanwhile.
        hang_ups: The share of requests that are given up in their midst.
        replays: How often a code is sent again after it was accepted.
        workers: How many serve.
        front: They do so behind a proxy.
        drain: For how many seconds they serve on there once asked to stop.
        times: How many times as long as the others.
        serves: No request may be told to come back, or be told nothing.
        measures: It counts what is lost where that cannot be helped, and does not fail.
    """

    name: str
    kind: str
    trouble: Trouble = troubles.calm
    hang_ups: float = 0
    replays: int = 1
    workers: int = WORKERS
    front: bool = False
    drain: int = DRAIN_SECONDS
    times: float = 1
    serves: bool = False
    measures: bool = False


STORMS = {
    storm.name: storm
    for storm in (
        Storm("calm-sqlite", "sqlite"),
        Storm("calm-postgresql", "postgresql"),
        Storm("calm-mariadb", "mariadb"),
        Storm("workers-die", "postgresql", troubles.workers_die, workers=3),
        Storm("nodes-die", "postgresql", troubles.workers_die, front=True),
        Storm("keys-change", "postgresql", troubles.keys_change, front=True, times=2, serves=True),
        Storm("keys-change-undrained", "postgresql", troubles.keys_change, front=True, drain=0, times=2),
        Storm("postgresql-dies", "postgresql", troubles.database_dies),
        Storm("mariadb-dies", "mariadb", troubles.database_dies),
        Storm("lines-fail", "postgresql", troubles.lines_fail),
        Storm("lines-fail-mariadb", "mariadb", troubles.lines_fail),
        Storm("too-few-connections", "postgresql", troubles.too_few_connections),
        Storm("clients-hang-up", "postgresql", hang_ups=0.4),
        Storm("locks-collide", "postgresql", troubles.locks_collide),
        Storm("locks-collide-mariadb", "mariadb", troubles.locks_collide),
        Storm("failover-synchronous", "postgresql", troubles.fails_over("on"), replays=4),
        Storm("failover-remote-apply", "postgresql", troubles.fails_over("remote_apply"), replays=4),
        Storm("failover-asynchronous", "postgresql", troubles.fails_over(""), replays=4, measures=True),
    )
}


@dataclass(frozen=True)
class Result:
    """What one storm has shown."""

    storm: Storm
    seed: int
    records: Sequence[Record] = field(repr=False)
    verdict: Verdict
    notes: str

    @property
    def told(self) -> Counter[str]:
        """What was told to requests that carried a proof."""
        return Counter(record.told for record in self.records if record.is_proof)

    @property
    def errors(self) -> int:
        """Answers that say that something went wrong here: there should be none."""
        return sum(record.told == "error" for record in self.records)

    @property
    def hollow(self) -> bool:
        """Whether a road that should be open was never passed, so that nothing is shown."""
        return not {record.road for record in self.records if record.accepted} >= ROADS

    @property
    def passed(self) -> bool:
        """Whether all that must be zero is zero, and that of a storm worth the name."""
        # Who is asked when the storm is over may find a connection that was cut.
        unserved = any(record.unknown and record.road != PROBE for record in self.records)
        if self.hollow or (self.storm.serves and unserved):
            return False
        return self.storm.measures or (self.verdict.clean and not self.errors)

    def as_json(self) -> dict[str, Any]:
        """For `results.json`."""
        names = ("double_accepts", "lost_failures", "half_enabled_users", "old_sessions_alive")
        counts = dict(zip(names, self.verdict.counts, strict=True))
        told = dict(self.told.most_common())
        made = {road: sum(each.road == road and each.accepted for each in self.records) for road in CHANGES}
        named = {"storm": self.storm.name, "seed": self.seed, "passed": self.passed, "notes": self.notes}
        seen = {"requests": len(self.records), "told": told, "changes": made, "errors": self.errors}
        return {**named, **seen, **counts, "findings": self.verdict.findings[:50]}


class Crowds:
    """Processes of clients that go from storm to storm."""

    def __init__(self, clients: int = CLIENTS) -> None:
        self.clients = clients
        self._pool = ProcessPoolExecutor(clients, mp_context=multiprocessing.get_context("spawn"))
        # All at once, so that each process has started and knows its part.
        for started in [self._pool.submit(get_ready) for _ in range(clients)]:
            started.result(ANSWER_SECONDS)

    def close(self) -> None:
        """End them."""
        self._pool.shutdown(cancel_futures=True)

    def run(self, storm: Storm, world: World, *, seconds: float, seed: int, numbers: Numbers) -> Result:
        """One storm, from its people to its verdict."""
        cast = gather(world.engine(), world.keys, world.clock.now(), numbers)
        until = time.monotonic() + seconds
        brief = Brief(
            number=0,
            of=self.clients,
            seed=seed,
            ports=world.ports,
            clock=world.clock,
            until=until,
            cast=cast,
            hang_ups=storm.hang_ups,
            replays=storm.replays,
        )
        parts = [self._pool.submit(take_part, replace(brief, number=number)) for number in range(self.clients)]
        notes = storm.trouble(world, cast, until, random.Random(seed))
        if world.proxy is not None:
            world.settle()
        records = [record for part in parts for record in part.result(ANSWER_SECONDS)]
        world.settle()
        return Result(storm, seed, records, _judged(world, cast, records), notes)


def _judged(world: World, cast: Cast, records: list[Record]) -> Verdict:
    """Look into the database, and try the sessions that should be dead."""
    rows = read(world.engine(), world.keys, [person.id for person in cast.everybody])
    records += asyncio.run(_probe(world, cast, records))
    seeded = {token: person.id for person in cast.movers for token in person.sessions}
    return verdict(records, rows, world.clock, seeded)


async def _probe(world: World, cast: Cast, records: Sequence[Record]) -> list[Record]:
    """Try every session of those who changed anything."""
    client = Client(world.ports, world.clock, random.Random(0))
    movers = {person.id: person for person in cast.movers}
    changed = {record.user for record in records if record.road in CHANGES}
    tokens = {record.started: movers[record.user] for record in records if record.started and record.user in changed}
    tokens |= {person.sessions[0]: person for person in cast.movers if person.id in changed}
    turn = asyncio.Semaphore(PROBES_AT_ONCE)

    async def probe(token: str) -> None:
        async with turn:
            await client.send(PROBE, tokens[token], token=token)

    await asyncio.gather(*map(probe, tokens))
    return client.records
