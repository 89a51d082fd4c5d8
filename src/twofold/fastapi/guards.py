"""What stands before a route: a second factor that is fresh enough, or the word that none is needed."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated

from fastapi import Depends
from starlette.types import ASGIApp, Receive, Scope, Send

from twofold.core.assurance import Assurance
from twofold.errors import ConfigurationError, SecondFactorNotSetUp
from twofold.fastapi.host import CurrentSession, Host
from twofold.fastapi.requests import totp_header

Guard = Callable[..., Awaitable[Assurance]]


def second_factor_guard(host: Host, max_age: timedelta, *, if_enabled: bool, to_set_up: bool = False) -> Guard:
    """
    A dependency: the second factor of the session that asks, at most *max_age* old.

    Args:
        to_set_up: A factor is to be set up, for which some may come with an older one.
    """

    async def second_factor(
        current: Annotated[CurrentSession, Depends(host.current)],
        code: Annotated[str | None, Depends(totp_header)],
    ) -> Assurance:
        state, user_id, session_id = current.state, current.user_id, current.signed_in.session_id
        if not state.enabled:
            if if_enabled:
                return current.assurance
            raise SecondFactorNotSetUp
        # Fresh: the header is not looked at, and nothing is spent.
        if state.assurance is not None and state.assurance.is_fresh(host.auth.clock.now(), max_age):
            return state.assurance
        proved = await host.use(
            current,
            lambda auth: auth.step_up.require(
                user_id, session_id, max_age=max_age, code=code, if_enabled=if_enabled, to_set_up=to_set_up
            ),
        )
        # For a further guard on the same request: the code is spent, and need not be spent again.
        current.state = replace(state, assurance=proved)
        return current.assurance

    return second_factor


@dataclass(frozen=True)
class NoSecondFactor:
    """
    A dependency that asks for nothing.

    Args:
        because: Why.
    """

    because: str

    async def __call__(self) -> None:
        """Let everybody pass."""

    def around(self, app: ASGIApp) -> "NoSecondFactorWithin":
        """An application that FastAPI knows nothing of, to be mounted: nothing in it needs a second factor."""
        return NoSecondFactorWithin(app, self.because)


@dataclass(frozen=True)
class NoSecondFactorWithin:
    """
    A middleware that asks for nothing.

    Args:
        app: What it is around.
        because: Why.
    """

    app: ASGIApp
    because: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on."""
        await self.app(scope, receive, send)


def no_second_factor(because: str) -> NoSecondFactor:
    """
    A dependency that stands where a guard would, and asks for nothing: `twofold doctor` says why.

    Before an application that is mounted no dependency can stand: mount `no_second_factor("...").around(app)`.

    Args:
        because: Why this route needs no fresh second factor, or hands out no session by itself.

    Raises:
        ConfigurationError: It says nothing.
    """
    if not because.strip():
        raise ConfigurationError('no_second_factor: say why: no_second_factor("it ends the session that asks").')
    return NoSecondFactor(because)
