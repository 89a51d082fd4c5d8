"""The only reader of the clock."""

from datetime import UTC, datetime


class SystemClock:
    """The wall clock of this machine, in UTC."""

    def now(self) -> datetime:
        """The present moment."""
        return datetime.now(UTC)
