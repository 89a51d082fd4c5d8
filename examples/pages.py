"""
A shop whose people sign in on pages: async SQLAlchemy, sessions in a cookie, Twofold's pages in the shop's own colors.

Set DATABASE_URL (with an async driver) and ENCRYPTION_KEY, then: uvicorn pages:app, and http://localhost:8000.
"""

import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from fastapi import Cookie, Depends, FastAPI, Form, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse
from pwdlib import PasswordHash
from sqlalchemy import DateTime, ForeignKey, String, delete, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from twofold import Assurance, TwoFactorAuth
from twofold.fastapi import SignedIn, TwoFactor
from twofold.settings import key_ring
from twofold.sqlalchemy import SqlAlchemyStore, TwoFactorMixin
from twofold.web import ListedSession, Look, two_factor_pages
from twofold.webauthn import RelyingParty

COOKIE = "__Host-shop"
engine = create_async_engine(os.environ["DATABASE_URL"])
passwords = PasswordHash.recommended()
NOBODY = passwords.hash(secrets.token_urlsafe())  # an unknown address takes as long as a known one


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


class Base(DeclarativeBase): ...


class User(TwoFactorMixin, Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    hashed_password: Mapped[str] = mapped_column(String(255))


class WebSession(Base):
    __tablename__ = "web_sessions"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


async def get_db() -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine, expire_on_commit=False) as db:
        yield db


Db = Annotated[AsyncSession, Depends(get_db)]


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


async def web_session(db: Db, token: Annotated[str | None, Cookie(alias=COOKIE)] = None) -> WebSession:
    row = await db.get(WebSession, hashed(token or ""))
    if row is None:
        raise HTTPException(401, "Not signed in")
    return row


# -- Twofold: what this application adds ------------------------------------------------------------------------------
def current_session(row: Annotated[WebSession, Depends(web_session)]) -> SignedIn:
    return SignedIn(row.user_id, session_id=row.token_hash)


class CookieSessions:
    def __init__(self, request: Request, response: Response, db: Db) -> None:
        self.request, self.response, self.db = request, response, db

    async def start(self, user_id: int, assurance: Assurance) -> SignedIn:
        token = secrets.token_urlsafe()
        self.db.add(WebSession(token_hash=hashed(token), user_id=user_id, created_at=datetime.now(UTC)))
        await self.db.commit()
        self.response.set_cookie(COOKIE, token, httponly=True, secure=True, samesite="lax")
        return SignedIn(user_id, session_id=hashed(token))

    async def end_all(self, user_id: int) -> None:
        await self.db.execute(delete(WebSession).where(WebSession.user_id == user_id))
        await self.db.commit()

    # With this there is a way to sign out ...
    async def end(self, signed_in: SignedIn) -> None:
        await self.end_listed(signed_in, signed_in.session_id[:16])
        self.response.delete_cookie(COOKIE, httponly=True, secure=True, samesite="lax")

    # ... and with these a page of sessions.
    async def listed(self, signed_in: SignedIn) -> Sequence[ListedSession]:
        rows = await self.db.scalars(select(WebSession).where(WebSession.user_id == signed_in.user_id))
        return [
            ListedSession(row.token_hash[:16], row.token_hash == signed_in.session_id, "", row.created_at)
            for row in rows
        ]

    async def end_listed(self, signed_in: SignedIn, id: str) -> str | None:  # noqa: A002 - as Twofold calls it
        ours = select(WebSession).where(WebSession.user_id == signed_in.user_id)
        row = await self.db.scalar(ours.where(WebSession.token_hash.startswith(id, autoescape=True)))
        if row is None:
            return None
        await self.db.delete(row)
        await self.db.commit()
        return row.token_hash


async def check_password(email: Annotated[str, Form()], password: Annotated[str, Form()], db: Db) -> int:
    user = await db.scalar(select(User).where(User.email == email))
    known = user.hashed_password if user else NOBODY
    if not await run_in_threadpool(passwords.verify, password, known) or user is None:
        raise HTTPException(401, "Wrong address or password")
    return user.id


site = RelyingParty(os.environ.get("PUBLIC_URL", "http://localhost:8000"))
auth = TwoFactorAuth(issuer="Corner Shop", keys=key_ring(), store=SqlAlchemyStore(engine, User), webauthn=site)
two_factor = TwoFactor(auth, current_session=current_session, sessions=CookieSessions)
two_factor.install(app, prefix="/api/auth/2fa")
look = Look(color="#7a1fa2", templates=Path(__file__).with_name("pages_templates"))
app.include_router(two_factor_pages(two_factor, check_password, look=look, home="/"), prefix="/account")
# -- the application's own routes -------------------------------------------------------------------------------------


@app.exception_handler(401)
async def sign_in_first(request: Request, _: Exception) -> RedirectResponse:
    return RedirectResponse(f"/account/login?next={request.url.path}", 303)


@app.get("/", response_class=HTMLResponse)
async def shop(db: Db, row: Annotated[WebSession, Depends(web_session)]) -> str:
    user = await db.get_one(User, row.user_id)
    return f"<p>The shop of user {user.id}</p><p><a href=/account/security>Security</a></p>"


@app.post("/orders")
async def order(
    second_factor: Annotated[Assurance, Depends(two_factor.require_second_factor(max_age=300))],
) -> dict[str, object]:
    return {"ordered": True, **second_factor.claims}
