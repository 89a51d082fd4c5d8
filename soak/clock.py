"""A clock that runs faster than the wall, the same in every process of this machine."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from twofold.core.totp import TimeStep, time_step_at
from twofold.testing.clock import NOON

PERIOD = 30
"""Seconds of a time step."""


@dataclass(frozen=True)
class FastClock:
    """
    Shows noon at its beginning, and goes on *speed* times as fast as the machine's monotonic clock.

    Args:
        began: What the monotonic clock showed at noon.
    """

    began: float
    speed: float

    def now(self) -> datetime:
        """The present moment."""
        return self.at(time.monotonic())

    def at(self, monotonic: float) -> datetime:
        """The moment at which the monotonic clock shows *monotonic*."""
        return NOON + timedelta(seconds=(monotonic - self.began) * self.speed)

    def monotonic_at(self, moment: datetime) -> float:
        """What the monotonic clock shows at *moment*."""
        return self.began + (moment - NOON).total_seconds() / self.speed

    def step(self) -> TimeStep:
        """The present time step."""
        return time_step_at(self.now(), PERIOD)

    @property
    def step_seconds(self) -> float:
        """How long a time step takes on the wall."""
        return PERIOD / self.speed

    def until_step(self, step: int) -> float:
        """Seconds on the wall until *step* begins; negative where it has begun."""
        begins = self.began + (step * PERIOD - NOON.timestamp()) / self.speed
        return begins - time.monotonic()
