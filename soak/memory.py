"""A worker's memory over two hundred thousand checks."""

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.load import post
from soak.casting import gather
from soak.client import right, wrong
from soak.people import Numbers, Person
from soak.world import World

NAME = "memory"
CHECKS = 200_000
EVERY = 10_000
WARM = 40_000
"""Checks after which a worker has seen everything."""
AT_MOST = 4 * 2**20
"""Bytes by which it may still grow up to the last check."""
LONGEST = 30 * 60
"""Seconds after which it is cut short, on a machine with other things to do."""
PEOPLE = 400
CONNECTIONS = 12
SPEED = 20
"""A time step takes a second and a half: most checks are a first use of a code, and sessions outlive all of them."""
WRONG, REPLAYED = 0.03, 0.3
PATH = "/api/auth/2fa/step-up"


@dataclass
class Curve:
    """
    Memory over checks.

    Args:
        asked: How many checks there should be.
        points: Checks so far, and bytes.
        statuses: What was answered.
    """

    asked: int
    points: list[tuple[int, int]] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def growth(self) -> int:
        """Bytes from the end of the warm-up to the highest point after it."""
        warm = [memory for checks, memory in self.points if checks >= min(WARM, self.points[-1][0] // 2)]
        return max(warm) - warm[0]

    @property
    def flat(self) -> bool:
        """Whether it stopped growing within all checks, of which most were accepted."""
        whole = self.statuses.total() >= self.asked and self.statuses[200] > self.asked / 2
        return whole and self.growth <= AT_MOST

    def as_text(self) -> str:
        """The curve, a line a point."""
        most = max(memory for _, memory in self.points)
        lines = [f"{n:>8} {m / 2**20:6.1f} MiB {'#' * round(50 * m / most)}" for n, m in self.points]
        told = "met" if self.flat else "MISSED"
        grown = f"{self.growth / 2**20:+.1f} MiB after the warm-up, at most {AT_MOST / 2**20:g}"
        end = f"memory: {self.points[-1][0]} of {self.asked} checks, {grown}: {told}"
        return "\n".join(["", *lines, f"answers: {dict(self.statuses)}", end])

    def as_json(self) -> dict[str, Any]:
        """For `results.json`."""
        return {"points": self.points, "growth": self.growth, "flat": self.flat, "statuses": dict(self.statuses)}


def run(checks: int, say: Callable[[str], None]) -> Curve:
    """One worker on PostgreSQL, and so many checks."""
    say(f"{NAME}: starting postgresql and a worker")
    with World("postgresql", speed=SPEED, workers=1) as world:
        nobody = Numbers(phones=PEOPLE, papers=0, guessed=0, movers=0, fresh=0)
        people = gather(world.engine(), world.keys, world.clock.now(), nobody).phones
        curve = Curve(checks)
        asyncio.run(_measure(world, _requests(world, people, random.Random(1)), checks, curve, say))
    return curve


def _requests(world: World, people: Sequence[Person], chance: random.Random) -> Iterator[bytes]:
    """First uses, replays and a few wrong codes, without end."""
    for person in itertools.cycle(people):
        assert person.secret is not None
        step, kind = world.clock.step(), chance.random()
        first = right(person.secret, step)
        proof = wrong(person.secret, step, chance) if kind < WRONG else first
        for each in [proof, proof] if WRONG < kind < WRONG + REPLAYED else [proof]:
            yield post(PATH, person.sessions[0], b'{"code": "%s"}' % each.text.encode())


async def _measure(
    world: World, requests: Iterator[bytes], checks: int, curve: Curve, say: Callable[[str], None]
) -> None:
    worker, until = world.workers[0], time.monotonic() + LONGEST
    for _ in range(checks // EVERY):
        left = itertools.takewhile(lambda _: time.monotonic() < until, itertools.islice(requests, EVERY))
        await asyncio.gather(*(_send(worker.port, left, curve.statuses) for _ in range(CONNECTIONS)))
        done = curve.statuses.total()
        curve.points.append((done, worker.memory()))
        say(f"{NAME}: {done} checks, {worker.memory() / 2**20:.1f} MiB, {dict(curve.statuses)}")
        if time.monotonic() > until:
            return


async def _send(port: int, requests: Iterator[bytes], statuses: Counter[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for request in requests:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(length)
        statuses[int(head[9:12])] += 1
    writer.close()
