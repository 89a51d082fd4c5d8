"""Attempts at a password, many at once, of which each is looked at for a moment."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import HTTPException

from twofold.errors import SignInFailed, TwofoldError
from twofold.fastapi.password_limits import PasswordLimits

CLIENT, ANN = "192.0.2.1", "ann@example.com"
PATIENCE = 10
"""Seconds that Redis may take where the machine has much else to do."""
Make = Callable[..., PasswordLimits]


def run(story: Callable[..., Awaitable[Any]], *workers: PasswordLimits) -> Any:
    """A story in an event loop of its own, after which everything is closed."""

    async def told() -> Any:
        try:
            return await story(*workers)
        finally:
            for worker in workers:
                await worker.close()

    return asyncio.run(told())


async def attempt(
    limits: PasswordLimits, outcome: BaseException | None = None, *, account: str = ANN, client: str = CLIENT
) -> str:
    """One attempt, whose password is looked at for a while and ends so; what is told."""
    try:
        async with limits.attempt(client, account):
            await asyncio.sleep(0.001)
            if outcome is not None:
                raise outcome
    except TwofoldError as error:
        return error.slug
    except (HTTPException, OSError):
        return "another error"
    return "right"


async def wrong(limits: PasswordLimits, times: int, **whose: str) -> Counter[str]:
    """So many wrong passwords side by side."""
    return Counter(await asyncio.gather(*(attempt(limits, SignInFailed(), **whose) for _ in range(times))))
