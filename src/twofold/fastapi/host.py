"""The host's application as the routes see it: who asks, and how sessions start and end."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, Field
from starlette.routing import BaseRoute

from twofold.core.assurance import Assurance, password_assurance
from twofold.errors import NotSignedIn, SessionsOwed, SignInTokenDead, UnknownUser
from twofold.fastapi.requests import client_address
from twofold.fastapi.schemas import KeyItem
from twofold.fastapi.sessions import (
    Sessions,
    SignedIn,
    answer_model,
    answer_type,
    call,
    class_of,
    filled,
)
from twofold.service.sessions import Proved, SessionState
from twofold.service.two_factor_auth import TwoFactorAuth

T = TypeVar("T")

UNKNOWN_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)
"""When a session proved its password, which only the host knows."""

_PROVED: dict[str, Any] = {"aal": (int, 1), "amr": (list[str], [])}


@dataclass
class Caller:
    """The session that asks, as the host knows it, and the host's sessions; what is owed has not been looked at."""

    signed_in: SignedIn[Any]
    sessions: Sessions[Any]
    client_address: str | None

    @property
    def user_id(self) -> Any:
        """The user of the session."""
        return self.signed_in.user_id


@dataclass
class CurrentSession(Caller):
    """The session that asks, after it was found to owe nothing, and what it has proved."""

    state: SessionState

    @property
    def assurance(self) -> Assurance:
        """What it has proved; of a password alone the library does not know when."""
        return self.state.assurance or password_assurance(UNKNOWN_MOMENT)


class Host:
    """
    One host: the use cases, its dependencies, and the answers made of its own words.

    Args:
        auth: The use cases.
        current_session: The host's dependency that says who is signed in.
        sessions: The host's dependency that starts and ends sessions.

    Attributes:
        current_session: As it was given.
        password_routes: The names of password routes that are not ours, and may raise `SecondFactorNeeded`.
        own_routes: The routes that we made.
        sign_ins: Dependencies behind which a session starts by us alone.
        strategies: Dependencies whose answer starts sessions by us alone, for the route that asks for it itself.

    Raises:
        ConfigurationError: Something is missing in *sessions*, or the policy refuses it; the text says what to write.
    """

    def __init__(
        self, auth: TwoFactorAuth, *, current_session: Callable[..., Any], sessions: Callable[..., Any]
    ) -> None:
        self.auth = auth
        self.sessions = sessions
        self.current_session = current_session
        self.password_routes: list[str] = []
        self.own_routes: list[BaseRoute] = []
        self.sign_ins: list[Callable[..., Any]] = []
        self.strategies: list[Callable[..., Any]] = []
        answer = answer_type(class_of(sessions, auth.policy))
        status = {"status": (Literal["signed_in"], "signed_in"), "backup_codes_remaining": (int, 0)}
        codes = {"enabled": (bool, True), "backup_codes": (list[str] | None, Field(default=None, repr=False))}
        self.signed_in_model = answer_model(answer, "SignedIn", status | _PROVED)
        self.enabled_model = answer_model(answer, "Enabled", codes | _PROVED)
        key = {"key": (KeyItem, ...), "backup_codes": codes["backup_codes"]}
        self.registered_model = answer_model(answer, "Registered", key | _PROVED)
        self.removed_model = answer_model(answer, "KeyRemoved", {"enabled": (bool, True)} | _PROVED)
        self.disabled_model = answer_model(answer, "Disabled", {"enabled": (bool, False)} | _PROVED)
        self.caller = self._caller(current_session)
        self.current = self._current()

    def _caller(self, current_session: Callable[..., Any]) -> Callable[..., Awaitable[Caller]]:
        async def caller(
            request: Request,
            signed_in: Annotated[Any, Depends(current_session)],
            sessions: Annotated[Any, Depends(self.sessions)],
        ) -> Caller:
            return Caller(signed_in, sessions, client_address(request))

        return caller

    def _current(self) -> Callable[..., Awaitable[CurrentSession]]:
        async def current(caller: Annotated[Caller, Depends(self.caller)]) -> CurrentSession:
            return await self.settled(caller)

        return current

    async def settled(self, caller: Caller) -> CurrentSession:
        """
        The session that asks, if it owes nothing.

        Raises:
            NotSignedIn: Its user is gone, or it was one of the sessions that had to end; they have ended now.
        """
        user_id, session_id = caller.user_id, caller.signed_in.session_id

        def look(auth: TwoFactorAuth) -> SessionState:
            state = auth.sessions.state(user_id, session_id)
            # The one guard of G8 after a crash: no session that should have ended gets past here.
            if state.debt:
                raise SessionsOwed(state.debt)
            return state

        return CurrentSession(caller.signed_in, caller.sessions, caller.client_address, await self.use(caller, look))

    async def use(self, caller: Caller, use_case: Callable[[TwoFactorAuth], T]) -> T:
        """
        One use case, for the session that asks.

        Raises:
            NotSignedIn: Its user is gone, or it was one of the sessions that had to end; they have ended now.
        """
        if caller.signed_in.owed:
            await self._settle(caller)
            raise NotSignedIn
        try:
            return await self.auth.run(use_case, client_address=caller.client_address)
        except UnknownUser:
            raise NotSignedIn from None
        except SessionsOwed:
            await self._settle(caller)
            raise NotSignedIn from None

    async def _settle(self, caller: Caller) -> None:
        """Pay what is owed, as it stands at the last moment: whoever incurred it may have paid, and started anew."""
        user_id, session_id = caller.user_id, caller.signed_in.session_id
        with suppress(UnknownUser):
            state = await self.auth.run(lambda auth: auth.sessions.state(user_id, session_id))
            if state.debt:
                await self.end_sessions(caller.sessions, user_id, state.debt)

    async def start(self, sessions: Sessions[Any], proved: Proved) -> SignedIn[Any]:
        """
        Start a session for a person who proved enough, after what is owed is paid.

        Raises:
            SignInTokenDead: Factor or password changed meanwhile; the session has ended again.
        """
        try:
            if proved.debt:
                await self.end_sessions(sessions, proved.user_id, proved.debt)
            await self.auth.run(lambda auth: auth.sessions.still_holds(proved))
            return await self._start(sessions, proved)
        except UnknownUser:
            raise SignInTokenDead from None

    async def _start(self, sessions: Sessions[Any], proved: Proved) -> SignedIn[Any]:
        signed_in: SignedIn[Any] = await call(sessions.start, proved.user_id, proved.assurance)
        try:
            await self.auth.run(lambda auth: auth.sessions.started(proved, signed_in.session_id))
        except SignInTokenDead:
            state = await self.auth.run(lambda auth: auth.sessions.state(proved.user_id, signed_in.session_id))
            await self.end_sessions(sessions, proved.user_id, state.debt)
            raise
        return signed_in

    async def end_sessions(self, sessions: Sessions[Any], user_id: Any, debt: int) -> None:
        """Pay the debt "end all sessions": end them, and only then clear it (G8)."""
        await call(sessions.end_all, user_id)
        await self.auth.run(lambda auth: auth.sessions.paid(user_id, debt))

    async def started(
        self, sessions: Sessions[Any], proved: Proved, model: type[BaseModel], **values: Any
    ) -> BaseModel:
        """Start a session, and say so: *model* filled with the host's words, *values*, and what was proved."""
        signed_in = await self.start(sessions, proved)
        assurance = proved.assurance
        return filled(model, signed_in.answer, aal=assurance.aal, amr=list(assurance.amr), **values)
