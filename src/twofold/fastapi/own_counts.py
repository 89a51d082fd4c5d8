"""A worker's own counts of attempts, in memory: a dictionary a window, which is thrown away whole."""

from asyncio import Event
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Count:
    """
    One count.

    Attributes:
        number: Attempts that are reserved, or were wrong.
        under_way: How many of them are being looked at.
    """

    number: int = 0
    under_way: int = 0
    _ended: Event | None = None

    def begin(self) -> int:
        """One attempt is reserved, and looked at; how many there are with it."""
        self.number += 1
        self.under_way += 1
        return self.number

    def end(self) -> None:
        """It is not any more; whoever waits for that goes on."""
        self.under_way -= 1
        if self._ended is not None:
            self._ended.set()
            self._ended = None

    async def wait(self) -> None:
        """Wait until one that is being looked at has ended."""
        if self._ended is None:
            self._ended = Event()
        await self._ended.wait()


class OwnCounts:
    """All counts of one worker, in its one event loop."""

    def __init__(self) -> None:
        self._windows: dict[int, dict[str, Count]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._windows.values()))

    def of(self, window: int, key: str) -> Count:
        """The count of this name in the window of this number."""
        # What is older than the window before has ended, also where clocks are adjusted.
        for old in [known for known in self._windows if abs(known - window) > 1]:
            del self._windows[old]
        return self._windows.setdefault(window, {}).setdefault(key, Count())

    def tidy(self, window: int, key: str) -> None:
        """Forget a count in which nothing is left."""
        counts = self._windows.get(window, {})
        if key in counts and not counts[key].number and not counts[key].under_way:
            del counts[key]
