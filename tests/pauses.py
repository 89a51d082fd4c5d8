"""Pauses between two runs of the backend's maintenance, for tests in which no time passes by itself."""

import asyncio
from collections.abc import Sequence


async def for_ever(stopping: asyncio.Event, _: float) -> None:
    """Maintenance never comes to run."""
    await stopping.wait()


class Pauses:
    """
    So many pauses that are over at once; the one after them lasts to the end.

    Attributes:
        asked: For how many seconds each was to be.
        over: Set when the last of them has begun: all runs are done.
    """

    def __init__(self, number: int) -> None:
        self.asked: list[float] = []
        self.number = number
        self.over = asyncio.Event()

    async def __call__(self, stopping: asyncio.Event, seconds: float) -> None:
        self.asked.append(seconds)
        if len(self.asked) > self.number:
            self.over.set()
            await stopping.wait()

    @property
    def between(self) -> Sequence[float]:
        """All but the first, which is before the first run."""
        return self.asked[1:]
