"""Register, sign in, look at the session, sign out."""

import hashlib
import re
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from app.database import Db
from app.models.user import User, UserSession
from twofold import Assurance
from twofold.errors import Forbidden, InvalidRequest, NotSignedIn, SignInFailed
from twofold.fastapi import SignedIn, TwoFactor
from twofold.fastapi.cores import on_a_core
from twofold.fastapi.requests import TwofoldRoute, body_of
from twofold.fastapi.schemas import json_body, problems

# OWASP's password storage cheat sheet: Argon2id with 19 MiB, two iterations, one lane.
PASSWORDS = PasswordHash([Argon2Hasher(memory_cost=19_456, time_cost=2, parallelism=1)])
# An unknown address takes as long as a known one: its password is compared with this.
DUMMY_HASH = PASSWORDS.hash(secrets.token_urlsafe())
COMMON_PASSWORDS = frozenset((Path(__file__).parents[2] / "common_passwords.txt").read_text().split())
PASSWORD_MIN = 8  # Characters, beside a second factor (NIST SP 800-63B-4, 3.1.1.2).
EMAIL_MAX = 254  # Characters (RFC 5321, 4.5.3.1.3, less the brackets).
SEEN_EVERY = timedelta(minutes=1)
"""How exact the last request of a session is known: each request would otherwise be a write."""

bearer = HTTPBearer(auto_error=False, description="The `access_token` of a sign-in.")


class Credentials(BaseModel):
    """What a person signs in with."""

    model_config = ConfigDict(extra="forbid", strict=True)

    email: str = Field(max_length=1024, examples=["ann@example.com"])
    password: str = Field(max_length=1024, repr=False, examples=["correct horse battery staple"])

    @property
    def address(self) -> str:
        """The address as it is stored."""
        return self.email.strip().lower()

    @property
    def is_text(self) -> bool:
        """Whether every database can be asked for the address: some refuse control characters."""
        return self.address.isprintable()


class Token(BaseModel):
    """A session, as its client knows it."""

    access_token: str = Field(repr=False)
    token_type: str = "bearer"  # noqa: S105 - a kind, not a token
    expires_at: datetime


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


def utc(moment: datetime) -> datetime:
    """A moment as it was read: SQLite and MariaDB forget that it was UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def hashed(token: str) -> str:
    """How a token is stored; it has 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()


async def user_session(
    request: Request, db: Db, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> UserSession:
    """
    The live session of the bearer token.

    Raises:
        NotSignedIn: There is none, or it has ended.
    """
    auth = request.app.state.two_factor.auth
    now, policy = auth.clock.now(), auth.policy
    row = await db.get(UserSession, hashed(credentials.credentials)) if credentials else None
    if row is None or now >= utc(row.expires_at) or now - utc(row.last_seen_at) >= policy.session_idle:
        raise NotSignedIn
    if now - utc(row.last_seen_at) >= SEEN_EVERY:
        await db.execute(update(UserSession).filter_by(token_hash=row.token_hash).values(last_seen_at=now))
    # Nothing of this request waits for a lock while it holds one.
    await db.commit()
    return row


def current_session(row: Annotated[UserSession, Depends(user_session)]) -> SignedIn:
    """Who is signed in, for the library."""
    return SignedIn(row.user_id, session_id=row.token_hash)


class TokenSessions:
    """Sessions by opaque bearer tokens, of which the database knows only the hash."""

    def __init__(self, request: Request, db: Db) -> None:
        self.auth, self.db = request.app.state.two_factor.auth, db

    async def start(self, user_id: int, assurance: Assurance) -> SignedIn[Token]:  # noqa: ARG002 - the library's port
        """Start a session; what it has proved, the library remembers."""
        token, now = secrets.token_urlsafe(32), self.auth.clock.now()
        expires_at = now + self.auth.policy.session_life
        row = UserSession(
            token_hash=hashed(token), user_id=user_id, created_at=now, last_seen_at=now, expires_at=expires_at
        )
        self.db.add(row)
        await self.db.commit()
        return SignedIn(user_id, row.token_hash, Token(access_token=token, expires_at=expires_at))

    async def end_all(self, user_id: int) -> None:
        """End every session of this user."""
        await self.db.execute(delete(UserSession).filter_by(user_id=user_id))
        await self.db.commit()


async def check_password(body: Annotated[Credentials, Depends(body_of(Credentials))], db: Db) -> int:
    """
    The id of the user whose password this is.

    Raises:
        SignInFailed: Unknown address or wrong password: one answer, in the same time.
    """
    query = select(User.id, User.hashed_password).filter_by(email=body.address)
    user = (await db.execute(query)).first() if body.is_text else None
    # The connection goes back before the hash takes its time.
    await db.rollback()
    known = DUMMY_HASH if user is None else user.hashed_password
    if not await on_a_core(lambda: PASSWORDS.verify(body.password, known)) or user is None:
        raise SignInFailed
    return int(user.id)


async def register(request: Request, body: Annotated[Credentials, Depends(body_of(Credentials))], db: Db) -> Registered:
    """Answers the same whether the address is free or in use; an address in use keeps its password."""
    if request.app.state.settings.production:
        raise Forbidden("Registration is closed.")
    refuse_bad_credentials(body)
    db.add(User(email=body.address, hashed_password=await on_a_core(lambda: PASSWORDS.hash(body.password))))
    try:
        await db.commit()
    except IntegrityError:
        await db.rollback()
    return Registered(email=body.address)


def refuse_bad_credentials(body: Credentials) -> None:
    """
    Refuse what cannot be an address, and passwords that are guessed first (NIST SP 800-63B-4, 3.1.1.2).

    Raises:
        InvalidRequest: It says what to choose instead.
    """
    errors = []
    if len(body.address) > EMAIL_MAX or not body.is_text or not re.fullmatch(r"[^@\s]+@[^@\s]+", body.address):
        errors.append({"field": "email", "message": "This is not an e-mail address."})
    if len(body.password) < PASSWORD_MIN:
        errors.append({"field": "password", "message": f"Choose a password of at least {PASSWORD_MIN} characters."})
    elif body.password.lower() in COMMON_PASSWORDS:
        errors.append({"field": "password", "message": "This password is one that is tried first. Choose another."})
    if errors:
        raise InvalidRequest(errors=errors)


def auth_routes(two_factor: TwoFactor[Token]) -> APIRouter:
    """The application's own routes, with the library's sign-in among them."""
    router = APIRouter(route_class=TwofoldRoute, tags=["Account"])
    router.post(
        "/register",
        status_code=201,
        openapi_extra=json_body(Credentials),
        responses=problems(Forbidden, InvalidRequest),
    )(register)
    router.include_router(two_factor.sign_in_router(check_password))

    @router.get("/session", responses=problems(NotSignedIn))
    async def session(
        db: Db,
        row: Annotated[UserSession, Depends(user_session)],
        who: Annotated[SignedIn, Depends(two_factor.signed_in)],
        assurance: Annotated[Assurance, Depends(two_factor.assurance)],
    ) -> Session:
        """Who is signed in, and what this session has proved."""
        email = await db.scalar(select(User.email).filter_by(id=who.user_id))
        return Session(
            user={"id": who.user_id, "email": email},
            aal=assurance.aal,
            amr=list(assurance.amr),
            authenticated_at=utc(row.created_at),
            second_factor_at=assurance.second_factor_at,
            expires_at=utc(row.expires_at),
        )

    @router.post("/logout", status_code=204, responses=problems(NotSignedIn))
    async def logout(db: Db, who: Annotated[SignedIn, Depends(two_factor.signed_in)]) -> None:
        """Ends this session."""
        await db.execute(delete(UserSession).filter_by(token_hash=who.session_id))
        await db.commit()

    return router
