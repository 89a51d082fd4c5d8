"""What keeps guessers out before the password is looked at: wrong ones are counted per account and client address."""

import logging
from asyncio import gather, sleep
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from starlette.exceptions import HTTPException

from twofold.clock import SystemClock
from twofold.core.password_limits import Window, network_of, plain_address
from twofold.core.policy import Policy
from twofold.errors import AddressLimit, ConfigurationError, RateLimited, TwofoldError, Unavailable
from twofold.fastapi.errors import limit_headers
from twofold.fastapi.own_counts import Count, OwnCounts
from twofold.service.ports import Clock

BEAT = timedelta(milliseconds=100)
"""Where of two answers that are to be told alike one takes longer, because only one is written down, both are told on
such a beat: so their time does not tell who is known (G12). A password's hash takes less than half of it."""

logger = logging.getLogger("twofold")


@dataclass
class _Reservation:
    """One attempt in one count, of which Redis may know."""

    key: str
    own: Count
    is_shared: bool = False


@dataclass
class _Attempt:
    """What one attempt has reserved, and what its client's address has left."""

    window: Window
    reserved: list[_Reservation] = field(default_factory=list)
    address_limit: AddressLimit | None = None


class PasswordLimits:
    """
    The limits before the password, of one application and its one event loop.

    Each attempt is counted before its password is looked at, and given back where that was right; so of any burst of
    guesses, whatever their number, only as many are looked at as the policy allows. Who finds no room while others are
    being looked at waits for how they end. A success clears nothing: it would tell that the account is there, and give
    a guesser with an account of their own a fresh start.

    Args:
        policy: `password_failures`, `address_failures`, `password_window` and `limits_fail_closed`.
        redis_url: Where all workers count together (`redis://` or `rediss://`); without it each counts alone.
        redis_timeout: Seconds that an answer of Redis may take.
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
        redis_timeout: float = 0.5,
        clock: Clock | None = None,
        pause: Callable[[float], Awaitable[None]] = sleep,
    ) -> None:
        self.policy = policy
        self._pause = pause
        self.clock = clock or SystemClock()
        # Here in any case: they answer a flood without Redis, and hold what was counted when Redis goes away.
        self._counts = OwnCounts()
        self._shared = None
        if redis_url:
            from twofold.fastapi.shared_counts import SharedCounts  # noqa: PLC0415 - an extra of its own

            self._shared = SharedCounts(redis_url, self.clock, timeout=redis_timeout)

    @property
    def are_shared(self) -> bool:
        """Whether all workers count together."""
        return self._shared is not None

    async def are_in_reach(self) -> bool:
        """Whether the counts answer."""
        return self._shared is None or await self._shared.answers()

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
        begun = self.clock.now()
        attempt = _Attempt(Window.at(begun, self.policy))
        try:
            await self._reserve(attempt, address, account)
            begun = self.clock.now()
            yield
        except Exception as error:
            if not _is_refusal(error):
                await self._give_back(attempt)
                _log(error, address)
                raise
            _tell(error, attempt.address_limit)
            _log(error, address)
            if self.policy.one_count:
                await self.beat(begun)
            raise
        else:
            await self._give_back(attempt)
        finally:
            for each in attempt.reserved:
                each.own.end()
                self._counts.tidy(attempt.window.number, each.key)

    async def beat(self, begun: datetime) -> None:
        """Wait for the next beat after *begun*: what happened since took as long as whatever else might have."""
        await self._pause((-(self.clock.now() - begun) % BEAT).total_seconds())

    async def _reserve(self, attempt: _Attempt, address: str | None, account: str) -> None:
        quota, window = self.policy.address_failures, attempt.window
        count = await self._find_room(attempt, window.key("address", network_of(address)), quota)
        attempt.address_limit = AddressLimit(quota, window.seconds, max(quota - count, 0), window.left)
        if count > quota:
            raise RateLimited(window.left, attempt.address_limit)
        # Only now, so that who is refused by address makes no new counts.
        quota = self.policy.password_failures
        if await self._find_room(attempt, window.key("account", account), quota, in_turn=True) > quota:
            # This one was not looked at; and of the account's own count nothing is told.
            left = attempt.address_limit.remaining + 1
            raise RateLimited(window.seconds, replace(attempt.address_limit, remaining=left))

    async def _find_room(self, attempt: _Attempt, key: str, quota: int, *, in_turn: bool = False) -> int:
        """Reserve one attempt; how many there are with it, by whoever knows of more, or more than *quota*."""
        window = attempt.window
        own = self._counts.of(window.number, key)
        # Those that are being looked at may be right: of right ones at one moment all find room, one after the other.
        # And where refusals are told on a beat, those of one account come one after the other: how they get into each
        # other's way, which those of nobody do not, is told by no time.
        while own.under_way and (own.number >= quota or (in_turn and self.policy.one_count)):
            await own.wait()
            own = self._counts.of(window.number, key)
        if own.number >= quota:
            return quota + 1
        number, reservation = own.begin(), _Reservation(key, own)
        attempt.reserved.append(reservation)
        if self._shared is None:
            return number
        count = await self._shared.add(key, 1, seconds=2 * window.seconds)
        if count is None and self.policy.limits_fail_closed:
            raise Unavailable
        reservation.is_shared = count is not None
        return max(number, count or 0)

    async def _give_back(self, attempt: _Attempt) -> None:
        # After the end of the window the count in Redis has ended too, or will; the next must not begin below zero.
        if self._shared is not None and Window.at(self.clock.now(), self.policy).number == attempt.window.number:
            seconds, shared = 2 * attempt.window.seconds, [each.key for each in attempt.reserved if each.is_shared]
            await gather(*(self._shared.add(key, -1, seconds=seconds) for key in shared))
        # Last, so that whoever finds this room here finds it in Redis too.
        for each in attempt.reserved:
            each.own.number -= 1


def _is_refusal(error: Exception) -> bool:
    if isinstance(error, HTTPException):
        return error.status_code < 500  # noqa: PLR2004 - the host's own refusal, as its login raises it
    return isinstance(error, TwofoldError) and not isinstance(error, RateLimited | Unavailable | ConfigurationError)


def _log(error: Exception, address: str | None) -> None:
    """
    Note for the operator that a password was refused, and whence it came (OWASP ASVS 5.0, 16.3.1).

    Not whose it was: people type passwords where names belong, and known and unknown are told alike here too.
    """
    if isinstance(error, RateLimited):
        logger.info("A password was not looked at, after too many wrong ones; from %s.", plain_address(address))
    elif _is_refusal(error):
        logger.info("A password was refused; from %s.", plain_address(address))


def _tell(error: Exception, limit: AddressLimit | None) -> None:
    """Let a refusal say what its client's address has left."""
    if isinstance(error, TwofoldError):
        error.address_limit = limit
    elif isinstance(error, HTTPException):
        error.headers = {**(error.headers or {}), **limit_headers(limit)}
