"""
Host (b): an async engine, and sessions of its own in the database, named by a cookie.

Set DATABASE_URL (with an async driver) and ENCRYPTION_KEY, then: uvicorn cookie_sessions:app
"""

import hashlib
import os
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Cookie, Depends, FastAPI, HTTPException, Response
from fastapi.concurrency import run_in_threadpool
from pwdlib import PasswordHash
from pydantic import BaseModel
from sqlalchemy import DateTime, ForeignKey, String, delete, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from twofold import Assurance, TwoFactorAuth
from twofold.fastapi import SignedIn, TwoFactor
from twofold.settings import key_ring
from twofold.sqlalchemy import SqlAlchemyStore, TwoFactorMixin

engine = create_async_engine(os.environ["DATABASE_URL"])
passwords = PasswordHash.recommended()
NOBODY = passwords.hash(secrets.token_urlsafe())  # an unknown address takes as long as a known one
app = FastAPI()


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


async def web_session(db: Db, session: Annotated[str | None, Cookie()] = None) -> WebSession:
    row = await db.get(WebSession, hashed(session or ""))
    if row is None:
        raise HTTPException(401, "Not signed in")
    return row


# -- Twofold: what this application adds ------------------------------------------------------------------------------
def current_session(row: Annotated[WebSession, Depends(web_session)]) -> SignedIn:
    return SignedIn(row.user_id, session_id=row.token_hash)


class CookieSessions:
    def __init__(self, response: Response, db: Db) -> None:
        self.response, self.db = response, db

    async def start(self, user_id: int, assurance: Assurance) -> SignedIn:
        token = secrets.token_urlsafe()
        self.db.add(WebSession(token_hash=hashed(token), user_id=user_id, created_at=datetime.now(UTC)))
        await self.db.commit()
        self.response.set_cookie("session", token, httponly=True, secure=True, samesite="lax")
        return SignedIn(user_id, session_id=hashed(token))

    async def end_all(self, user_id: int) -> None:
        await self.db.execute(delete(WebSession).where(WebSession.user_id == user_id))
        await self.db.commit()


class Login(BaseModel):
    email: str
    password: str


async def check_password(body: Login, db: Db) -> int:
    user = await db.scalar(select(User).where(User.email == body.email))
    known = user.hashed_password if user else NOBODY
    if not await run_in_threadpool(passwords.verify, body.password, known) or user is None:
        raise HTTPException(401, "Wrong address or password")
    return user.id


auth = TwoFactorAuth(issuer="Acme", keys=key_ring(), store=SqlAlchemyStore(engine, User))
two_factor = TwoFactor(auth, current_session=current_session, sessions=CookieSessions)
two_factor.install(app, prefix="/api/auth/2fa")
app.include_router(two_factor.sign_in_router(check_password, path="/login"))
# -- the application's own routes -------------------------------------------------------------------------------------


@app.get("/me")
async def me(db: Db, row: Annotated[WebSession, Depends(web_session)]) -> str:
    return (await db.get_one(User, row.user_id)).email


@app.post("/payouts")
async def pay_out(
    second_factor: Annotated[Assurance, Depends(two_factor.require_second_factor(max_age=300))],
) -> dict[str, object]:
    return {"paid": True, **second_factor.claims}
