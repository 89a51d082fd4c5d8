"""
For applications with fastapi-users: one wrapped strategy, and the one object made of what is there.

The strategy is the one door: password login, OAuth callback and the application's own `backend.login(...)` all write
their token through it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends, HTTPException, Request, Response
from fastapi_users import FastAPIUsers, models
from fastapi_users.authentication import (
    AuthenticationBackend,
    BearerTransport,
    CookieTransport,
    JWTStrategy,
    Strategy,
)
from fastapi_users.authentication.transport.bearer import BearerResponse
from fastapi_users.jwt import generate_jwt
from fastapi_users.manager import BaseUserManager
from fastapi_users.router.common import ErrorCode
from fastapi_users.types import DependencyCallable

from twofold.core.assurance import Assurance
from twofold.errors import ConfigurationError, SignInFailed
from twofold.fastapi import SignedIn, TwoFactor
from twofold.fastapi.host import Host
from twofold.fastapi.requests import client_address, totp_code_in
from twofold.fastapi.routes.sign_in import SecondFactorNeeded
from twofold.fastapi.sessions import call
from twofold.service.sign_in import SecondFactorPending
from twofold.service.two_factor_auth import TwoFactorAuth

EndAll = Callable[[Any], Awaitable[None] | None]


@dataclass
class _Door:
    """One guarded `get_strategy`, and what `two_factor_for` completes it with."""

    auth: TwoFactorAuth
    host: Host | None = None
    end_all: EndAll | None = None


_doors: dict[Any, _Door] = {}


def guarded(
    auth: TwoFactorAuth, get_strategy: DependencyCallable[Strategy[models.UP, models.ID]]
) -> DependencyCallable[Strategy[models.UP, models.ID]]:
    """
    Your *get_strategy*, which writes no token for a password (or an OAuth callback) alone.

    Args:
        auth: The use cases.
        get_strategy: The application's own dependency.
    """
    door = _Door(auth)

    def guarded_strategy(request: Request, strategy: Annotated[Any, Depends(get_strategy)]) -> "GuardedStrategy":
        # Not by a dependency: every route with a session asks for the strategy, and takes no code for it.
        return GuardedStrategy(strategy, door, totp_code_in(request), client_address(request))

    _doors[guarded_strategy] = door
    return guarded_strategy


class GuardedStrategy(Strategy[Any, Any]):
    """
    A strategy that asks for the second factor before it writes a token.

    Args:
        inner: The application's own strategy.
        code: The code in `X-TOTP-Code`, if one came along.
    """

    def __init__(self, inner: Strategy[Any, Any], door: _Door, code: str | None, address: str | None) -> None:
        self.inner = inner
        self._door = door
        self._code = code
        self._address = address

    async def read_token(self, token: str | None, user_manager: BaseUserManager[Any, Any]) -> Any:
        """The user of a token."""
        return await self.inner.read_token(token, user_manager)

    async def destroy_token(self, token: str, user: Any) -> None:
        """End the session of a token."""
        await self.inner.destroy_token(token, user)

    async def write_token(self, user: Any) -> str:
        """
        Start a session where the password is enough.

        Raises:
            SecondFactorNeeded: It is not; `install` tells it as `SecondFactorRequired`, with 200.
            ProofRefused: The code in `X-TOTP-Code` was not accepted.
            HTTPException: Everything has one count, and the user waits: what fastapi-users says of a wrong password.
            ConfigurationError: `two_factor_for` was not called for this backend.
        """
        if self._door.host is None or self._door.end_all is None:
            raise ConfigurationError("guarded(...) has no two_factor_for(auth, users, backend, end_all=...) yet.")
        try:
            begun = await self._door.auth.run(
                lambda auth: auth.sign_in.begin(user.id, self._code), client_address=self._address
            )
        except SignInFailed:
            raise HTTPException(400, ErrorCode.LOGIN_BAD_CREDENTIALS) from None
        if isinstance(begun, SecondFactorPending):
            raise SecondFactorNeeded(begun)
        signed_in = await self._door.host.start(_OneSession(self.inner, user, self._door.end_all), begun)
        return signed_in.session_id


@dataclass
class _OneSession:
    """The session of a user who is at hand."""

    strategy: Strategy[Any, Any]
    user: Any
    end: EndAll

    async def start(self, user_id: Any, assurance: Assurance) -> SignedIn:  # noqa: ARG002 - the port
        return SignedIn(user_id, await written(self.strategy, self.user))

    async def end_all(self, user_id: Any) -> None:
        await call(self.end, user_id)


async def written(strategy: Strategy[Any, Any], user: Any) -> str:
    """
    A token that no other session has.

    Two of `JWTStrategy`'s own that are written for a user within one second are the same text, and so would be one
    session: a password alone would share what another session has proved. Ours have an id (RFC 7519, 4.1.7). A class of
    the application's own that writes its tokens by itself gives them one by itself.
    """
    if not isinstance(strategy, JWTStrategy) or type(strategy).write_token is not JWTStrategy.write_token:
        return str(await strategy.write_token(user))
    claims = {"sub": str(user.id), "aud": strategy.token_audience, "jti": uuid4().hex}
    return str(generate_jwt(claims, strategy.encode_key, strategy.lifetime_seconds, algorithm=strategy.algorithm))


def two_factor_for(
    auth: TwoFactorAuth,
    users: FastAPIUsers[models.UP, models.ID],
    backend: AuthenticationBackend[models.UP, models.ID],
    *,
    end_all: EndAll,
) -> TwoFactor[Any]:
    """
    The one object of a host, made of what an application with fastapi-users has.

    Args:
        auth: The use cases.
        users: The application's.
        backend: The application's, with `guarded(auth, get_strategy)`.
        end_all: Ends every session of a user id, now. With `JWTStrategy`: `tokens_expire(minutes=15)`.

    Raises:
        ConfigurationError: A backend of *users* writes tokens for a password alone or is guarded by another *auth*, its
            transport is not known, or the policy refuses *end_all*; the text says what to write.
    """
    # Each of them opens the application; one that is not guarded would be a way around the others.
    for each in (*users.authenticator.backends, backend):
        if each.get_strategy not in _doors:
            raise ConfigurationError(
                f"The backend {each.name} writes tokens for a password alone. "
                "Write AuthenticationBackend(..., guarded(auth, get_strategy))."
            )
    door = _doors[backend.get_strategy]
    if door.auth is not auth:
        raise ConfigurationError(
            f"The backend {backend.name} is guarded by another TwoFactorAuth: give it the same one."
        )
    current = users.authenticator.current_user_token(active=True)

    def current_session(found: Annotated[tuple[Any, str], Depends(current)]) -> SignedIn:
        user, token = found
        return SignedIn(user.id, session_id=token)

    sessions = _sessions_of(users, backend, end_all)
    two_factor: TwoFactor[Any] = TwoFactor(auth, current_session=current_session, sessions=sessions)
    two_factor.host.password_routes.append(f"auth:{backend.name}.login")
    guarded_by_us = (each.get_strategy for each in (*users.authenticator.backends, backend))
    two_factor.host.strategies += [each for each in guarded_by_us if _doors[each].auth is auth]
    door.host, door.end_all = two_factor.host, end_all
    return two_factor


def _sessions_of(users: FastAPIUsers[Any, Any], backend: AuthenticationBackend[Any, Any], end: EndAll) -> Any:
    class Sessions:
        def __init__(
            self,
            response: Response,
            strategy: Annotated[Any, Depends(backend.get_strategy)],
            manager: Annotated[Any, Depends(users.get_user_manager)],
        ) -> None:
            self.response, self.strategy, self.manager = response, strategy.inner, manager

        # As it is: it may be `cannot_end_sessions`.
        end_all = staticmethod(end)

        async def token(self, user_id: Any) -> str:
            user = await self.manager.get(user_id)
            if not user.is_active:
                raise SignInFailed
            return await written(self.strategy, user)

    class BearerSessions(Sessions):
        async def start(self, user_id: Any, assurance: Assurance) -> SignedIn[BearerResponse]:  # noqa: ARG002 - the port
            token = await self.token(user_id)
            return SignedIn(user_id, token, BearerResponse(access_token=token, token_type="bearer"))  # noqa: S106

    class CookieSessions(Sessions):
        async def start(self, user_id: Any, assurance: Assurance) -> SignedIn:  # noqa: ARG002 - the port
            token = await self.token(user_id)
            made = await backend.transport.get_login_response(token)
            self.response.raw_headers.extend(header for header in made.raw_headers if header[0] == b"set-cookie")
            return SignedIn(user_id, token)

    if isinstance(backend.transport, BearerTransport):
        return BearerSessions
    if isinstance(backend.transport, CookieTransport):
        return CookieSessions
    raise ConfigurationError(f"The transport of the backend {backend.name} is neither bearer nor cookie.")
