"""Limits as they are written first: look whether there is room, look at the password, and count what was wrong."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from twofold.core.password_limits import Window
from twofold.errors import RateLimited, SignInFailed
from twofold.fastapi.password_limits import PasswordLimits


class NaiveLimits(PasswordLimits):
    """Checks, then counts: whoever asks at the same moment finds the same room."""

    @asynccontextmanager
    async def attempt(self, address: str | None, account: str) -> AsyncIterator[None]:  # noqa: ARG002 - as ours
        assert self._shared is not None
        window = Window.at(self.clock.now(), self.policy)
        key = window.key("account", account)
        if (await self._shared.add(key, 0, seconds=window.seconds) or 0) >= self.policy.password_failures:
            raise RateLimited(window.seconds)
        try:
            yield
        except SignInFailed:
            await self._shared.add(key, 1, seconds=window.seconds)
            raise
