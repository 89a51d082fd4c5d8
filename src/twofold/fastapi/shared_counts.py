"""Counts that all workers share: in Redis, by the library `limits`; out of reach they cost half a second at most."""

import logging
from asyncio import Semaphore
from contextlib import suppress
from datetime import datetime, timedelta

from twofold.errors import ConfigurationError
from twofold.service.ports import Clock

try:
    from limits.aio.storage import RedisStorage
    from redis.asyncio import ConnectionPool
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
except ModuleNotFoundError as error:
    message = "redis_url: counts in Redis need limits and redis: pip install 'twofold[redis]'."
    raise ConfigurationError(message) from error

PREFIX = "twofold-passwords"
PAUSE = timedelta(seconds=1)
"""How long Redis is not asked after it did not answer, so that not every request waits for it."""

COMMANDS = 32
"""How many ask at once; who waits for a turn is told with the first one that Redis is out of reach."""

logger = logging.getLogger("twofold")


class SharedCounts:
    """
    Counts in Redis; each has an end, with which it is created.

    Args:
        url: `redis://` or `rediss://`.
        clock: Says when to ask again after an outage.
        timeout: Seconds for one answer; by its defaults the client would try for minutes.

    Raises:
        ConfigurationError: *url* is malformed; the text never holds it.
    """

    def __init__(self, url: str, clock: Clock, *, timeout: float) -> None:
        timeouts = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
        try:
            # No second try: a count that was added, and whose answer was lost, would be added again.
            self._pool = ConnectionPool.from_url(url, retry=Retry(NoBackoff(), 0), **timeouts)
        except ValueError:
            raise ConfigurationError("redis_url: write redis://[user:password@]host[:port][/database].") from None
        self._storage = RedisStorage(
            url,
            wrap_exceptions=True,
            implementation="redispy",  # its default is another client, with timeouts of its own
            key_prefix=PREFIX,
            connection_pool=self._pool,  # type: ignore[arg-type]  # its annotation forgets the one that its text names
        )
        self._clock = clock
        self._turns = Semaphore(COMMANDS)
        self._failed_at: datetime | None = None

    async def add(self, key: str, amount: int, *, seconds: int) -> int | None:
        """
        Add *amount* to a count; the count then, or nothing where Redis is out of reach.

        Args:
            seconds: After which the count ends, from its first addition.
        """
        async with self._turns:
            if self._pauses():
                return None
            try:
                count = await self._storage.incr(key, seconds, amount)
                if type(count) is int and amount > 0 and count < amount:
                    # Given back to a Redis that had lost the count: nobody gets an attempt for that.
                    count = await self._storage.incr(key, seconds, amount - count)
                if type(count) is not int or (amount > 0 and count < amount):
                    message = "a count that is none"
                    raise TypeError(message)  # noqa: TRY301 - told as whatever else is wrong with it
            except Exception as error:  # noqa: BLE001 - what stands on its port may answer anything
                self._fail(error.__cause__ or error)
                return None
        if self._failed_at is not None:
            self._failed_at = None
            logger.warning("Redis answers again: wrong passwords are counted for all workers together.")
        return count

    def _pauses(self) -> bool:
        # By the distance: a clock that was ahead and is right again keeps nobody waiting.
        return self._failed_at is not None and abs(self._clock.now() - self._failed_at) < PAUSE

    def _fail(self, error: BaseException) -> None:
        if self._failed_at is None:
            # By the error's name: its text may hold the address, and more.
            logger.error("The counts of wrong passwords in Redis are out of reach (%s).", type(error).__name__)
        self._failed_at = self._clock.now()

    async def answers(self) -> bool:
        """Whether Redis does; nothing is counted."""
        with suppress(Exception):  # what stands on its port may answer anything
            return bool(await self._storage.check())
        return False

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.aclose()
