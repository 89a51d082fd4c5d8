"""Two small applications that are not ours: one synchronous with signed tokens, one asynchronous with cookies."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

from fastapi import Cookie, Depends, FastAPI, HTTPException, Request, Response
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm
from pydantic import BaseModel
from sqlalchemy import Engine, create_engine, delete, select, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from twofold import Assurance, KeyRing, TwoFactorAuth
from twofold.fastapi import SecondFactorRequired, SignedIn, TwoFactor
from twofold.sqlalchemy import SqlAlchemyStore, TwoFactorMixin
from twofold.testing import StoppedClock

SECRET = secrets.token_bytes()


class Base(DeclarativeBase): ...


class User(TwoFactorMixin, Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    password: Mapped[str]
    token_version: Mapped[int] = mapped_column(default=0)
    active: Mapped[bool] = mapped_column(default=True)


class WebSession(Base):
    __tablename__ = "web_sessions"
    token_hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int]


class Token(BaseModel):
    access_token: str
    token_type: str = "bearer"


class Amount(BaseModel):
    cents: int


class Login(BaseModel):
    email: str
    password: str


@dataclass
class Running:
    """One of the two applications, and what a test needs of it."""

    app: FastAPI
    two_factor: TwoFactor[Any]
    engine: Engine
    clock: StoppedClock

    def user(self, **changes: Any) -> Any:
        """Write *changes* into the row of the one user, and read it."""
        with Session(self.engine) as db, db.begin():
            if changes:
                db.execute(update(User).values(**changes))
            return db.execute(select(User.__table__)).one()

    def events(self) -> list[str]:
        """The kinds of all events, the oldest first."""
        table = Base.metadata.tables["twofold_events"]
        with self.engine.connect() as connection:
            return list(connection.scalars(select(table.c.kind).order_by(table.c.id)))


def prepared(folder: Path, key: str, engine: Engine | AsyncEngine) -> tuple[TwoFactorAuth, Engine]:
    """Tables with one user in them, and the use cases over them."""
    auth = TwoFactorAuth(issuer="Acme", keys=KeyRing([key]), store=SqlAlchemyStore(engine, User), clock=StoppedClock())
    own = create_engine(f"sqlite:///{folder}/db")
    Base.metadata.create_all(own)
    with Session(own) as db, db.begin():
        db.add(User(email="ann@example.com", password="a good one"))
    return auth, own


def signed(claims: dict[str, Any]) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode()
    return f"{body}.{hmac.new(SECRET, body.encode(), hashlib.sha256).hexdigest()}"


def claims_of(token: str) -> dict[str, Any]:
    body, _, signature = token.partition(".")
    if not hmac.compare_digest(hmac.new(SECRET, body.encode(), hashlib.sha256).hexdigest(), signature):
        raise HTTPException(401, "The token is not mine", {"WWW-Authenticate": 'Bearer realm="acme"'})
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body))
    return claims


def get_db(request: Request) -> Iterator[Session]:
    with Session(request.app.state.engine) as db:
        yield db


Db = Annotated[Session, Depends(get_db)]


def current_claims(token: Annotated[str, Depends(OAuth2PasswordBearer("token"))]) -> dict[str, Any]:
    return claims_of(token)


Claims = Annotated[dict[str, Any], Depends(current_claims)]


def current_user(claims: Claims, db: Db) -> User:
    user = db.get(User, int(claims["sub"]))
    if user is None or user.token_version != claims["ver"]:
        raise HTTPException(401, "The token has ended", {"WWW-Authenticate": 'Bearer realm="acme"'})
    if not user.active:
        raise HTTPException(403, "The account is closed", {"X-Acme": "closed"})
    return user


CurrentUser = Annotated[User, Depends(current_user)]


def token_session(user: CurrentUser, claims: Claims) -> SignedIn:
    return SignedIn(user.id, session_id=claims["sid"])


class TokenSessions:
    """Nothing is stored of a session; a version on the user ends all."""

    def __init__(self, db: Db) -> None:
        self.db = db

    def start(self, user_id: int, assurance: Assurance) -> SignedIn[Token]:
        user, sid = self.db.get_one(User, user_id), secrets.token_hex()
        if not user.active:
            raise HTTPException(403, "The account is closed", {"X-Acme": "closed"})
        claims = {"sub": str(user.id), "ver": user.token_version, "sid": sid, **assurance.claims}
        return SignedIn(user_id, sid, Token(access_token=signed(claims)))

    def end_all(self, user_id: int) -> None:
        self.db.execute(update(User).filter_by(id=user_id).values(token_version=User.token_version + 1))
        self.db.commit()


def check_form(form: Annotated[OAuth2PasswordRequestForm, Depends()], db: Db) -> int:
    user = db.scalar(select(User).filter_by(email=form.username, password=form.password))
    if user is None:
        raise HTTPException(401, "Wrong", {"WWW-Authenticate": 'Bearer realm="acme"'})
    return user.id


def token_host(folder: Path, key: str) -> Running:
    """Synchronous, with stateless tokens that name a session and a version."""
    app, engine = FastAPI(), create_engine(f"sqlite:///{folder}/db")
    auth, own = prepared(folder, key, engine)
    app.state.engine = engine
    two_factor = TwoFactor(auth, current_session=token_session, sessions=TokenSessions)
    two_factor.install(app, prefix="/2fa")
    app.include_router(two_factor.sign_in_router(check_form, path="/token"))
    add_own_routes(app, two_factor)
    return Running(app, two_factor, own, _stopped(auth))


def add_own_routes(app: FastAPI, two_factor: TwoFactor[Token]) -> None:
    guard = two_factor.require_second_factor

    @app.post("/own-login")
    def own_login(answer: Annotated[Any, Depends(two_factor.sign_in(check_form))]) -> Any:
        return {"pending": answer.sign_in_token} if isinstance(answer, SecondFactorRequired) else answer

    @app.get("/me")
    def me(user: CurrentUser) -> str:
        return user.email

    @app.post("/payouts", dependencies=[Depends(guard(max_age=300))])
    def pay_out(amount: Amount, user: CurrentUser) -> str:
        return f"{amount.cents} to {user.email}"

    @app.post("/three", dependencies=[Depends(guard(max_age=600)), Depends(guard(max_age=60))])
    def three(proved: Annotated[Assurance, Depends(guard(max_age=300))]) -> dict[str, Any]:
        return proved.claims

    @app.post("/profile")
    def profile(proved: Annotated[Assurance, Depends(guard(if_enabled=True))]) -> int:
        return proved.aal


async def get_async_db(request: Request) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(request.app.state.engine, expire_on_commit=False) as db:
        yield db


AsyncDb = Annotated[AsyncSession, Depends(get_async_db)]


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


async def cookie_session(db: AsyncDb, session: Annotated[str, Cookie()] = "") -> SignedIn:
    row = await db.get(WebSession, hashed(session))
    if row is None:
        raise HTTPException(401, "Not signed in")
    return SignedIn(row.user_id, session_id=row.token_hash)


class CookieSessions:
    """A row for each session; a cookie names it."""

    def __init__(self, response: Response, db: AsyncDb) -> None:
        self.response, self.db = response, db

    async def start(self, user_id: int, assurance: Assurance) -> SignedIn:  # noqa: ARG002 - the library's port
        token = secrets.token_urlsafe()
        self.db.add(WebSession(token_hash=hashed(token), user_id=user_id))
        await self.db.commit()
        self.response.set_cookie("session", token, httponly=True, samesite="lax")
        return SignedIn(user_id, session_id=hashed(token))

    async def end_all(self, user_id: int) -> None:
        await self.db.execute(delete(WebSession).filter_by(user_id=user_id))
        await self.db.commit()


async def check_login(body: Login, db: AsyncDb) -> int:
    user = await db.scalar(select(User).filter_by(email=body.email, password=body.password))
    if user is None:
        raise HTTPException(401, "Wrong")
    return user.id


def cookie_host(folder: Path, key: str) -> Running:
    """Asynchronous, with sessions in the database that a cookie names."""

    @asynccontextmanager
    async def closed_in_the_end(_: FastAPI) -> AsyncIterator[None]:
        yield
        await cast("SqlAlchemyStore", auth.store).close()
        await engine.dispose()

    app, engine = FastAPI(lifespan=closed_in_the_end), create_async_engine(f"sqlite+aiosqlite:///{folder}/db")
    auth, own = prepared(folder, key, engine)
    app.state.engine = engine
    two_factor = TwoFactor(auth, current_session=cookie_session, sessions=CookieSessions)
    two_factor.install(app, prefix="/2fa")
    app.include_router(two_factor.sign_in_router(check_login))

    @app.post("/payouts", dependencies=[Depends(two_factor.require_second_factor(max_age=300))])
    async def pay_out(proved: Annotated[Assurance, Depends(two_factor.assurance)]) -> dict[str, Any]:
        return proved.claims

    return Running(app, two_factor, own, _stopped(auth))


def _stopped(auth: TwoFactorAuth) -> StoppedClock:
    assert isinstance(auth.clock, StoppedClock)
    return auth.clock
