"""The account: register, sign in, sessions, password, leaving."""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Db
from app.models.user import DUMMY_HASH, PASSWORDS, User, UserSession, is_hash, live_sessions, password_faults, plain
from app.utils.two_factor_auth import CurrentRow, Token, TokenSessions, token_sessions
from twofold import Assurance, TwoFactorAuth
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
from twofold.fastapi.cores import on_a_core
from twofold.fastapi.guards import no_second_factor
from twofold.fastapi.host import CurrentSession
from twofold.fastapi.openapi import CODE_REFUSED, problems
from twofold.fastapi.password_limits import PasswordLimits
from twofold.fastapi.requests import JsonBody, TwofoldRoute, client_address
from twofold.fastapi.schemas import Strict
from twofold.fastapi.sessions import CheckedPassword

EMAIL_MAX = 254  # Characters (RFC 5321, 4.5.3.1.3, less the brackets).
PAGE = 50  # Sessions a page.
NOBODY = 0  # An id that no user has.
RowId = Annotated[int, Field(ge=1, le=2**31 - 1)]
Password = Annotated[str, Field(max_length=1024, repr=False, examples=["correct horse battery"])]


class Credentials(Strict):
    """What a person signs in with."""

    email: str = Field(max_length=1024, examples=["ann@example.com"])
    password: Password

    @property
    def address(self) -> str:
        """The address as it is stored."""
        return plain(self.email)


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


@dataclass(frozen=True)
class Passwords:
    """The passwords of the application, for one request."""

    request: Request
    db: AsyncSession

    async def check(self, password: str, *, account: str, **user: str | int) -> CheckedPassword:
        """
        Whose password this is.

        Raises:
            RateLimited: There were too many wrong ones for *account*, or from this client; it was not looked at.
            SignInFailed: It is wrong, or there is no such user, in the same time.
        """
        limits: PasswordLimits = self.request.app.state.password_limits
        async with limits.attempt(client_address(self.request), account):
            return await self._compare(password, account, **user)

    async def check_own(self, password: str, user_id: int) -> None:
        """Whether it is the password of somebody who is signed in; raises as `check`, by the same counts."""
        email = await self.db.scalar(select(User.email).filter_by(id=user_id))
        await self.db.rollback()  # As below: the counts may be elsewhere, and take their time.
        await self.check(password, account=plain(email or ""), id=user_id)

    async def _compare(self, password: str, account: str, **user: str | int) -> CheckedPassword:
        auth: TwoFactorAuth = self.request.app.state.two_factor.auth
        columns = (User.id, User.email, User.hashed_password, User.twofa_epoch)
        found = (await self.db.execute(select(*columns).filter_by(**user))).first()
        await self.db.rollback()  # The connection goes back before the hash takes its time.
        # A table that was there before may find equal what is counted apart, accents for one: that is nobody.
        found = found if found and plain(found.email) == account else None
        # A hash of another kind, as an older application may have left it, opens for nobody.
        known = found.hashed_password if found and is_hash(found.hashed_password) else DUMMY_HASH
        right = await on_a_core(lambda: PASSWORDS.verify(password, known)) and known is not DUMMY_HASH
        # Nobody goes the same way, which has a queue: by its time, too, who is unknown is somebody who is wrong.
        user_id, address = found.id if found else NOBODY, client_address(self.request)
        await auth.run(lambda auth: auth.sign_in.password_checked(user_id, right=right), client_address=address)
        if found is None:
            raise SignInFailed
        return CheckedPassword(found.id, found.twofa_epoch)


async def passwords_of(request: Request, db: Db) -> Passwords:
    """The same as a dependency."""
    return Passwords(request, db)


GivenPasswords = Annotated[Passwords, Depends(passwords_of)]


async def check_password(body: GivenCredentials, passwords: GivenPasswords) -> CheckedPassword:
    """Whose credentials these are, for the library."""
    # Not every database can be asked for a control character; no address has one.
    email = body.address if body.address.isprintable() else ""
    return await passwords.check(body.password, account=body.address, email=email)


async def register(
    request: Request, body: Annotated[Credentials, Depends(JsonBody(Credentials))], db: Db
) -> Registered:
    """Answers the same whether the address is free or in use; an address in use keeps its password."""
    if request.app.state.settings.production:
        raise Forbidden("Registration is closed.")
    errors, email = password_faults(body.password, "password"), body.address
    if len(email) > EMAIL_MAX or not email.isprintable() or not re.fullmatch(r"[^@\s]+@[^@\s]+", email):
        errors.append({"field": "email", "message": "This is not an e-mail address."})
    if errors:
        raise InvalidRequest(errors=errors)
    limits: PasswordLimits = request.app.state.password_limits
    begun = limits.clock.now()
    db.add(User(email=email, hashed_password=await on_a_core(lambda: PASSWORDS.hash(body.password))))
    try:
        await db.commit()
    except IntegrityError:
        await db.rollback()
    await limits.beat(begun)  # What is written takes longer than what is not.
    return Registered(email=email)


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
    async def session(db: Db, row: CurrentRow, proved: Annotated[Assurance, Depends(two_factor.assurance)]) -> Session:
        """With what this session has proved."""
        email = await db.scalar(select(User.email).filter_by(id=row.user_id))
        return Session(
            user={"id": row.user_id, "email": email},
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
        if not await ours.end_one(current, id):
            raise NotFound

    @router.post("/logout", summary="Sign out", status_code=204, dependencies=ending, responses=told)
    async def logout(ours: Ours, current: Current, row: CurrentRow) -> None:
        """Ends this session."""
        await ours.end_one(current, row.id)


def add_account_routes(router: APIRouter, two_factor: TwoFactor[Token]) -> None:
    """Add the routes that ask for the password, and for the second factor where there is one."""
    auth, ask = two_factor.auth, [Depends(two_factor.require_second_factor(if_enabled=True))]
    Current = Annotated[CurrentSession, Depends(two_factor.host.current)]  # noqa: N806 - a type
    told = problems(NotSignedIn, StepUpRequired, InvalidRequest, RateLimited, SignInFailed, *CODE_REFUSED, Unavailable)

    @router.post("/password", summary="Change the password", status_code=204, dependencies=ask, responses=told)
    async def change_password(
        db: Db,
        passwords: GivenPasswords,
        body: Annotated[PasswordChange, Depends(JsonBody(PasswordChange))],
        current: Current,
        sessions: Annotated[TokenSessions, Depends(token_sessions)],
    ) -> None:
        """All sessions end, this one too: sign in with the new password."""
        if errors := password_faults(body.new_password, "new_password"):
            raise InvalidRequest(errors=errors)
        user_id, epoch = current.user_id, current.state.epoch
        await passwords.check_own(body.current_password, user_id)
        new_hash = await on_a_core(lambda: PASSWORDS.hash(body.new_password))
        # Owed and recorded before the change, so that sessions end also if this process dies after it, and only if
        # nothing changed since this request was let in; owed again after it, for what began in between with the old
        # password.
        address = current.client_address
        await auth.run(
            lambda auth: auth.password_changed(user_id, end_sessions=True, epoch=epoch), client_address=address
        )
        await db.execute(update(User).filter_by(id=user_id).values(hashed_password=new_hash))
        await db.commit()
        debt = await auth.run(lambda auth: auth.enrollment.end_sessions(user_id))
        await two_factor.end_sessions(sessions, user_id, debt)

    @router.delete("/account", summary="Leave", status_code=204, dependencies=ask, responses=told)
    async def leave(
        db: Db, passwords: GivenPasswords, body: Annotated[Leaving, Depends(JsonBody(Leaving))], current: Current
    ) -> None:
        """Deletes the account and everything that is kept about it."""
        user_id, epoch = current.user_id, current.state.epoch
        await passwords.check_own(body.password, user_id)
        # As above; and nothing is taken away before the account itself is.
        await auth.run(lambda auth: auth.enrollment.end_sessions(user_id, epoch=epoch))
        await db.execute(delete(UserSession).filter_by(user_id=user_id))
        await db.execute(delete(User).filter_by(id=user_id))
        await db.commit()
        # They have gone, and with them what the database knew to be theirs: to be told to try again would be wrong.
        with suppress(Unavailable):
            await auth.run(lambda auth: auth.forget(user_id))
