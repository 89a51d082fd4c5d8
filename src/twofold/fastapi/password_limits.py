"""What keeps guessers out before the password is looked at: wrong ones are counted per account and client address."""

from asyncio import gather, sleep
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from starlette.exceptions import HTTPException

from twofold.clock import SystemClock
from twofold.core.password_limits import Window, network_of
from twofold.core.policy import Policy
from twofold.errors import AddressLimit, ConfigurationError, RateLimited, TwofoldError, Unavailable
from twofold.fastapi.errors import limit_headers
from twofold.service.ports import Clock

BEAT = timedelta(milliseconds=100)
"""Where of two answers that are to be told alike one takes longer, because only one is written down, both are told on
such a beat: so their time does not tell who is known (G12). A password's hash takes less than half of it."""


@dataclass
class _Attempt:
    """What one attempt has reserved, and what its client's address has left."""

    window: Window
    counted: list[str] = field(default_factory=list)
    shared: list[str] = field(default_factory=list)
    address_limit: AddressLimit | None = None


class PasswordLimits:
    """
    The limits before the password, of one application and its one event loop.

    Each attempt is counted before its password is looked at, and given back where that was right; so of any burst of
    guesses, whatever their number, only as many are looked at as the policy allows. A success clears nothing: it would
    tell that the account is there, and give a guesser with an account of their own a fresh start.

    Args:
        policy: `password_failures`, `address_failures`, `password_window` and `limits_fail_closed`.
        redis_url: Where all workers count together (`redis://` or `rediss://`); without it each counts alone.
        clock: Knows the time.
        pause: Lets so many seconds go by.

    Raises:
        ConfigurationError: *redis_url* is malformed, or the extra `redis` is not installed.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        redis_url: str = "",
        clock: Clock | None = None,
        pause: Callable[[float], Awaitable[None]] = sleep,
    ) -> None:
        self.policy = policy
        self._pause = pause
        self.clock = clock or SystemClock()
        # Here in any case: they answer a flood without Redis, and hold what was counted when Redis goes away.
        self._counts: dict[int, Counter[str]] = {}
        self._shared = None
        if redis_url:
            from twofold.fastapi.shared_counts import SharedCounts  # noqa: PLC0415 - an extra of its own

            self._shared = SharedCounts(redis_url, self.clock)

    async def close(self) -> None:
        """Close what is open towards Redis."""
        if self._shared is not None:
            await self._shared.close()

    @asynccontextmanager
    async def attempt(self, address: str | None, account: str) -> AsyncIterator[None]:
        """
        Look at a password inside of this, and raise `SignInFailed` there where it is wrong.

        A refusal (any error of ours but `Unavailable`, or an HTTP error below 500) keeps the count. What ends
        otherwise gives it back; a client that hangs up gets nothing back.

        Args:
            address: The client's; what is no IP address shares one count with all that is none.
            account: The name that was given, as it is stored, whether there is such an account or not.

        Raises:
            RateLimited: There were too many wrong passwords; this one is not looked at.
            Unavailable: The counts are out of reach, and the policy fails closed.
        """
        attempt = _Attempt(Window.at(self.clock.now(), self.policy))
        try:
            await self._reserve(attempt, address, account)
        except (RateLimited, Unavailable):
            await self._give_back(attempt)
            raise
        begun = self.clock.now()
        try:
            yield
        except Exception as error:
            if _is_refusal(error):
                _tell(error, attempt.address_limit)
                if self.policy.one_count:
                    await self.beat(begun)
            else:
                await self._give_back(attempt)
            raise
        await self._give_back(attempt)

    async def beat(self, begun: datetime) -> None:
        """Wait for the next beat after *begun*: what happened since took as long as whatever else might have."""
        await self._pause((-(self.clock.now() - begun) % BEAT).total_seconds())

    async def _reserve(self, attempt: _Attempt, address: str | None, account: str) -> None:
        quota, window = self.policy.address_failures, attempt.window
        count = await self._count(attempt, window.key("address", network_of(address)), quota)
        attempt.address_limit = AddressLimit(quota, window.seconds, max(quota - count, 0), window.left)
        if count > quota:
            raise RateLimited(window.left, attempt.address_limit)
        # Only now, so that who is refused by address makes no new counts.
        quota = self.policy.password_failures
        if await self._count(attempt, window.key("account", account), quota) > quota:
            # This one was not looked at; and of the account's own count nothing is told.
            left = attempt.address_limit.remaining + 1
            raise RateLimited(window.seconds, replace(attempt.address_limit, remaining=left))

    async def _count(self, attempt: _Attempt, key: str, quota: int) -> int:
        """Count one attempt; how many there are then, by whoever knows of more."""
        number = attempt.window.number
        # What is older than the window before has ended for every attempt that is still under way.
        for old in [known for known in self._counts if abs(known - number) > 1]:
            del self._counts[old]
        counts = self._counts.setdefault(number, Counter())
        counts[key] += 1
        attempt.counted.append(key)
        if self._shared is None or counts[key] > quota:
            return counts[key]
        count = await self._shared.add(key, 1, seconds=2 * attempt.window.seconds)
        if count is not None:
            attempt.shared.append(key)
        elif self.policy.limits_fail_closed:
            raise Unavailable
        return max(counts[key], count or 0)

    async def _give_back(self, attempt: _Attempt) -> None:
        number, seconds = attempt.window.number, attempt.window.seconds
        if Window.at(self.clock.now(), self.policy).number != number:
            return  # it has ended, and its counts with it
        counts = self._counts.get(number, Counter())
        for key in attempt.counted:
            counts[key] -= 1
            if counts[key] < 1:
                del counts[key]
        if self._shared is not None:
            await gather(*(self._shared.add(key, -1, seconds=2 * seconds) for key in attempt.shared))


def _is_refusal(error: Exception) -> bool:
    if isinstance(error, HTTPException):
        return error.status_code < 500  # noqa: PLR2004 - the host's own refusal, as its login raises it
    return isinstance(error, TwofoldError) and not isinstance(error, Unavailable | ConfigurationError)


def _tell(error: Exception, limit: AddressLimit | None) -> None:
    """Let a refusal say what its client's address has left."""
    if isinstance(error, TwofoldError):
        error.address_limit = limit
    elif isinstance(error, HTTPException):
        error.headers = {**(error.headers or {}), **limit_headers(limit)}
