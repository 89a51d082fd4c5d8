"""A clock that stands still."""

from datetime import UTC, datetime, timedelta

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


class StoppedClock:
    """
    A clock that moves only when it is told to.

    Args:
        moment: Where it stands.
    """

    def __init__(self, moment: datetime = NOON) -> None:
        self.moment = moment

    def now(self) -> datetime:
        """The moment at which the clock stands."""
        return self.moment

    def forward(self, *, minutes: float = 0, seconds: float = 0) -> None:
        """Move the clock on, or back by negative numbers."""
        self.moment += timedelta(minutes=minutes, seconds=seconds)
