"""The account: register, sign in, sessions, password, leaving."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from app.database import Db
from app.models.user import UserSession, live_sessions
from app.routes.account import PASSWORD_MAX, GivenPasswords
from app.utils.two_factor_auth import ROW_ID_MAX, CurrentRow, Token, TokenSessions, token_sessions
from twofold import Assurance
from twofold.errors import (
    Forbidden,
    InvalidRequest,
    NotFound,
    NotSignedIn,
    RateLimited,
    SignInFailed,
    StepUpRequired,
    Unavailable,
)
from twofold.fastapi import TwoFactor
from twofold.fastapi.guards import no_second_factor
from twofold.fastapi.host import CurrentSession
from twofold.fastapi.openapi import CODE_REFUSED, problems
from twofold.fastapi.requests import JsonBody, TwofoldRoute
from twofold.fastapi.schemas import Strict
from twofold.fastapi.sessions import CheckedPassword

PAGE = 50  # Sessions a page.
RowId = Annotated[int, Field(ge=1, le=ROW_ID_MAX)]
Password = Annotated[str, Field(max_length=PASSWORD_MAX, repr=False, examples=["correct horse battery"])]


class Credentials(Strict):
    """What a person signs in with."""

    email: str = Field(max_length=1024, examples=["ann@example.com"])
    password: Password


GivenCredentials = Annotated[Credentials, Depends(JsonBody(Credentials))]


class PasswordChange(Strict):
    """The password, and the one in its place."""

    current_password: Password
    new_password: Password


class Leaving(Strict):
    """The password, once more."""

    password: Password


class Registered(BaseModel):
    """The same whether the address was free or not."""

    email: str


class Session(BaseModel):
    """The session that asks."""

    user: dict[str, Any] = Field(examples=[{"id": 1, "email": "ann@example.com"}])
    aal: int
    amr: list[str]
    authenticated_at: datetime
    second_factor_at: datetime | None
    expires_at: datetime


class ListedSession(BaseModel):
    """One of the user's sessions."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    current: bool = Field(default=False, description="Whether it is the one that asks.")
    client: str = Field(description="What the client called itself.")
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


class Sessions(BaseModel):
    """The user's sessions, the newest first."""

    items: list[ListedSession]
    next_cursor: int | None = Field(description="For `?cursor=`, where there are more.")


async def check_password(body: GivenCredentials, passwords: GivenPasswords) -> CheckedPassword:
    """Whose credentials these are, for the library."""
    return await passwords.check_credentials(body.email, body.password)


async def register(body: GivenCredentials, passwords: GivenPasswords) -> Registered:
    """Answers the same whether the address is free or in use; an address in use keeps its password."""
    return Registered(email=await passwords.register(body.email, body.password))


def auth_routes(two_factor: TwoFactor[Token]) -> APIRouter:
    """The application's own routes, with the library's sign-in among them."""
    router = APIRouter(route_class=TwofoldRoute, tags=["Account"])
    told = problems(Forbidden, InvalidRequest, Unavailable)
    router.post("/register", status_code=201, summary="Register", responses=told)(register)
    router.include_router(two_factor.sign_in_router(check_password))
    add_session_routes(router, two_factor)
    add_account_routes(router, two_factor)
    return router


def add_session_routes(router: APIRouter, two_factor: TwoFactor[Token]) -> None:
    """Add the routes that show and end sessions."""
    signed_in, told = [Depends(two_factor.signed_in)], problems(NotSignedIn, Unavailable)
    listed = problems(NotSignedIn, InvalidRequest, Unavailable)
    ending = [*signed_in, Depends(no_second_factor("it only ends sessions"))]
    Current = Annotated[CurrentSession, Depends(two_factor.host.current)]  # noqa: N806 - a type
    Ours = Annotated[TokenSessions, Depends(token_sessions)]  # noqa: N806 - a type

    @router.get("/session", summary="Who is signed in", dependencies=signed_in, responses=told)
    async def session(row: CurrentRow, proved: Annotated[Assurance, Depends(two_factor.assurance)]) -> Session:
        """With what this session has proved."""
        return Session(
            user={"id": row.user_id, "email": row.email},
            aal=proved.aal,
            amr=list(proved.amr),
            authenticated_at=row.created_at,
            second_factor_at=proved.second_factor_at,
            expires_at=row.expires_at,
        )

    @router.get("/sessions", summary="The user's sessions", dependencies=signed_in, responses=listed)
    async def sessions(db: Db, row: CurrentRow, cursor: RowId | None = None) -> Sessions:
        """Those that are alive, the newest first."""
        auth = two_factor.auth
        query = live_sessions(row.user_id, auth.clock.now(), auth.policy.session_idle)
        older = [UserSession.id < cursor] if cursor is not None else []
        found = (await db.scalars(query.where(*older).limit(PAGE + 1))).all()
        items = [ListedSession.model_validate(each) for each in found[:PAGE]]
        for item in items:
            item.current = item.id == row.id
        return Sessions(items=items, next_cursor=items[-1].id if len(found) > PAGE else None)

    @router.delete(
        "/sessions/{id}",
        summary="End one session",
        status_code=204,
        dependencies=ending,
        responses=problems(NotSignedIn, InvalidRequest, NotFound, Unavailable),
    )
    async def end_session(ours: Ours, current: Current, id: RowId) -> None:  # noqa: A002 - the name on the wire
        """Another user's is not found."""
        if not await ours.end_one(current, id=id):
            raise NotFound

    @router.post("/logout", summary="Sign out", status_code=204, dependencies=ending, responses=told)
    async def logout(ours: Ours, current: Current) -> None:
        """Ends this session."""
        await ours.end_one(current, token_hash=current.signed_in.session_id)


def add_account_routes(router: APIRouter, two_factor: TwoFactor[Token]) -> None:
    """Add the routes that ask for the password, and for the second factor where there is one."""
    ask = [Depends(two_factor.require_second_factor(if_enabled=True))]
    Current = Annotated[CurrentSession, Depends(two_factor.host.current)]  # noqa: N806 - a type
    told = problems(NotSignedIn, StepUpRequired, InvalidRequest, RateLimited, SignInFailed, *CODE_REFUSED, Unavailable)

    @router.post("/password", summary="Change the password", status_code=204, dependencies=ask, responses=told)
    async def change_password(
        passwords: GivenPasswords,
        body: Annotated[PasswordChange, Depends(JsonBody(PasswordChange))],
        current: Current,
    ) -> None:
        """All sessions end, this one too: sign in with the new password."""
        await passwords.change(two_factor.host, current, body.current_password, body.new_password)

    @router.delete("/account", summary="Leave", status_code=204, dependencies=ask, responses=told)
    async def leave(
        passwords: GivenPasswords, body: Annotated[Leaving, Depends(JsonBody(Leaving))], current: Current
    ) -> None:
        """Deletes the account and everything that is kept about it."""
        await passwords.leave(two_factor.host, current, body.password)
